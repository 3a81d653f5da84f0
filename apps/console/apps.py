"""App configuration."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Pages: home, fleet, bot, promotion, holds, audit."""

    name = "apps.console"
    label = "console"
