"""App configuration."""

from django.apps import AppConfig


class BotsConfig(AppConfig):
    """Strategies, bots, code versions with artifacts and signers, config bundles, parameter sets."""

    name = "apps.bots"
    label = "bots"
