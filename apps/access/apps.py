"""App configuration."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """People, service accounts, roles, the scope tree, consent, tokens, idempotency."""

    name = "apps.access"
    label = "access"
