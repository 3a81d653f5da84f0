"""App configuration."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Audit records and history capture."""

    name = "apps.audit"
    label = "audit"
