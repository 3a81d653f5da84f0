"""App configuration."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    """Desired and observed state, epochs, the immutable log."""

    name = "apps.deployments"
    label = "deployments"
