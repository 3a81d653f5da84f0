"""App configuration."""

from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    """Compares our record with the venue's; owns breaks."""

    name = "apps.reconciliation"
    label = "reconciliation"
