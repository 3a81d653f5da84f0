"""Limits, holds and exposure."""

from django.db import models
from django.db.models import Q

from apps.access.models import Consent, Scope
from apps.audit.models import HistoryModel
from apps.common.models import Claimable, ExactDecimalField, OperationalModel
from apps.markets.models import Instrument
from apps.risk.states import DrainState, HoldLevel, HoldState, LimitKind


class Limit(HistoryModel):
    """The bound of one kind on one scope; lowering is immediate, raising needs a second person."""

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="limits")
    kind = models.TextField(choices=LimitKind.choices)
    value = ExactDecimalField()
    set_by = models.TextField(help_text="Actor.")

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["scope", "kind"], name="one_limit_per_scope_and_kind"),
            models.CheckConstraint(condition=Q(value__gte=0), name="limit_not_negative"),
        ]


class LimitRaise(HistoryModel):
    """A request to raise a limit, waiting for a second person."""

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT)
    kind = models.TextField(choices=LimitKind.choices)
    value = ExactDecimalField()
    consent = models.OneToOneField(Consent, null=True, on_delete=models.PROTECT)
    applied_at = models.DateTimeField(null=True)


class Hold(HistoryModel, Claimable):
    """A stop on a scope: while it stands, nothing below trades more freely than its level allows."""

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts")

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="holds")
    level = models.TextField(choices=HoldLevel.choices)
    reason = models.TextField()
    placed_by = models.TextField(help_text="Actor.")
    epoch = models.PositiveIntegerField(help_text="Counts the holds of the scope.")
    state = models.TextField(choices=HoldState.choices, default=HoldState.ACTIVE)
    latched_at = models.DateTimeField(null=True, help_text="From then on no new send permit could exist.")
    latch_ms = models.FloatField(null=True, help_text="Milliseconds from the request to the latch.")
    drain_state = models.TextField(choices=DrainState.choices, default=DrainState.PENDING)
    drained_at = models.DateTimeField(null=True)
    consent = models.OneToOneField(Consent, null=True, on_delete=models.PROTECT)
    released_at = models.DateTimeField(null=True)

    class Meta(HistoryModel.Meta):
        indexes = [models.Index(fields=["scope"], condition=Q(state=HoldState.ACTIVE), name="hold_active")]


class Exposure(OperationalModel):
    """What one bot holds and has working in one instrument; its row lock makes reservations atomic."""

    rebuilt_from = "the orders and fills of the bot: execution.services.rebuild_exposure"

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="exposures", help_text="The bot's.")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    position = ExactDecimalField(default=0, help_text="Signed units.")
    working_buy = ExactDecimalField(default=0, help_text="Units of open and unknown buy orders.")
    working_sell = ExactDecimalField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "instrument"], name="one_exposure_per_bot_instrument"),
            models.CheckConstraint(condition=Q(working_buy__gte=0, working_sell__gte=0), name="working_never_negative"),
        ]


class OrderRate(OperationalModel):
    """How many orders a bot sent in the current minute; a row, so that it works without Redis."""

    rebuilt_from = "starts empty every minute"

    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)
    minute = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)
