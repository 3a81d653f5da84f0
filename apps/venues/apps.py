"""App configuration."""

from django.apps import AppConfig


class VenuesConfig(AppConfig):
    """Venues, accounts, the adapter protocol."""

    name = "apps.venues"
    label = "venues"
