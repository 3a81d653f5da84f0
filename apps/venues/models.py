"""Venues and the accounts we hold there."""

from django.db import models
from django.db.models import Q

from apps.access.models import RiskBucket, Scope
from apps.audit.models import HistoryModel
from apps.bots.states import Environment, Mode
from apps.common.models import ExactDecimalField


class Venue(HistoryModel):
    """A counterparty that takes orders through an adapter."""

    name = models.SlugField(unique=True)
    adapter = models.TextField(help_text="Folder under apps/venues, e.g. `paper`.")
    mode = models.TextField(choices=Mode.choices)
    settings = models.JSONField(default=dict, help_text="Adapter settings without secrets.")
    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.name


class Account(HistoryModel):
    """A sub-account at a venue; belongs to one risk bucket, one environment and one mode."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="accounts")
    bucket = models.ForeignKey(RiskBucket, on_delete=models.PROTECT, related_name="accounts")
    name = models.SlugField(unique=True)
    environment = models.TextField(choices=Environment.choices)
    mode = models.TextField(choices=Mode.choices)
    currency = models.CharField(max_length=12)
    opening_cash = ExactDecimalField(default=0, help_text="What we know was there before our first fill.")
    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=(Q(environment="live") & Q(mode="live")) | (~Q(environment="live") & Q(mode="paper")),
                name="account_mode_fits_environment",
            )
        ]

    def __str__(self) -> str:
        return self.name
