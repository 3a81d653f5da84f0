"""App configuration."""

from django.apps import AppConfig


class SignalsConfig(AppConfig):
    """Sources of signals and the messages that came."""

    name = "apps.execution.signals"
    label = "signals"
