"""App configuration."""

from django.apps import AppConfig


class PaperConfig(AppConfig):
    """The paper venue's own books."""

    name = "apps.venues.paper"
    label = "paper"
