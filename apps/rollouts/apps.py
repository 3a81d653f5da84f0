"""App configuration."""

from django.apps import AppConfig


class RolloutsConfig(AppConfig):
    """Takes an approved promotion live."""

    name = "apps.rollouts"
    label = "rollouts"
