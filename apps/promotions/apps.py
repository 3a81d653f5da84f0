"""App configuration."""

from django.apps import AppConfig


class PromotionsConfig(AppConfig):
    """Promotions: policy, consent, digest, verdict."""

    name = "apps.promotions"
    label = "promotions"
