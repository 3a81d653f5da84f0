"""App configuration."""

from django.apps import AppConfig


class RiskConfig(AppConfig):
    """Limits, exposure, holds, the pre-trade check."""

    name = "apps.risk"
    label = "risk"
