"""App configuration."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Rules, alerts, acknowledgement."""

    name = "apps.alerts"
    label = "alerts"
