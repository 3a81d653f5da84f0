"""App configuration."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Shared plumbing without tables."""

    name = "apps.common"
    label = "common"
