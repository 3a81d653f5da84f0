"""App configuration."""

from django.apps import AppConfig


class MarketsConfig(AppConfig):
    """Instruments, feeds and their market clock, datasets, FX rates."""

    name = "apps.markets"
    label = "markets"
