"""App configuration."""

from django.apps import AppConfig


class ExitsConfig(AppConfig):
    """Exit plans and their legs."""

    name = "apps.execution.exits"
    label = "exits"
