"""Venues and the accounts we hold there."""

from django.db import models
from django.db.models import Q

from apps.access.models import RiskBucket, Scope
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.bots.states import Environment, Mode
from apps.common.models import ExactDecimalField, OperationalModel
from apps.venues.states import CircuitState


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


class VenueMessage(AppendOnlyModel):
    """What we said to a venue about an order, and what it answered; secrets are taken out before."""

    account_id = models.UUIDField(help_text="Id of the account; messages outlive nothing, nothing refers to them.")
    client_order_id = models.TextField(default="", blank=True, db_index=True)
    trade_id = models.TextField(null=True, help_text="Of the report of one trade: the venue's id of it.")  # noqa: DJ001
    call = models.TextField(help_text="submit, cancel, replace, order_by_client_id, ...")
    request = models.JSONField(null=True)
    answer = models.JSONField(null=True, help_text="Null: no answer.")
    error = models.TextField(default="", blank=True, help_text="Code of a refusal or of no answer.")
    sent_at = models.DateTimeField()
    took_ms = models.FloatField()


class VenueHealth(OperationalModel):
    """The circuit breaker of a venue: open means that it does not answer and nothing is opened there."""

    rebuilt_from = "the next answers of the venue"

    venue = models.OneToOneField(Venue, on_delete=models.PROTECT, related_name="health")
    state = models.TextField(choices=CircuitState.choices, default=CircuitState.CLOSED)
    failures = models.PositiveIntegerField(default=0, help_text="Unanswered calls in a row.")
    opened_at = models.DateTimeField(null=True)
    probe_at = models.DateTimeField(null=True, help_text="When the next call may try an open circuit.")


class VenueBudget(OperationalModel):
    """How many calls an account may still make: a bucket of tokens that fills with time."""

    rebuilt_from = "starts full"

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="budget")
    tokens = models.FloatField()
    filled_at = models.DateTimeField()
