"""App configuration."""

from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    """Order gateway, strategy cycles, orders, fills, positions."""

    name = "apps.execution"
    label = "execution"
