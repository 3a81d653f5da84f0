"""Limits, holds and exposure."""

from django.db import models
from django.db.models import Q

from apps.access.models import Consent, Scope, User
from apps.audit.models import HistoryModel
from apps.bots.states import Mode
from apps.common.models import Claimable, ExactDecimalField, OperationalModel
from apps.markets.models import Instrument
from apps.risk.states import CancelChoice, DrainState, DrillState, HoldLevel, HoldSource, HoldState, LimitKind


class Limit(HistoryModel):
    """The bound of one kind on one scope; lowering is immediate, raising needs a second person."""

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="limits")
    kind = models.TextField(choices=LimitKind.choices)
    value = ExactDecimalField()
    set_by = models.TextField(help_text="Actor.")
    expires_at = models.DateTimeField(null=True, help_text="From then on `reverts_to` is in force.")
    reverts_to = ExactDecimalField(null=True, help_text="What was in force before a raise that ends by itself.")
    raised_by = models.ForeignKey(
        "LimitRaise", null=True, on_delete=models.PROTECT, related_name="+", help_text="The raise that it stands on."
    )

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["scope", "kind"], name="one_limit_per_scope_and_kind"),
            models.CheckConstraint(condition=Q(value__gte=0), name="limit_not_negative"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True, reverts_to__isnull=True)
                | Q(expires_at__isnull=False, reverts_to__gte=0, reverts_to__lte=models.F("value")),
                name="limit_reverts_downwards",
            ),
        ]


class LimitRaise(HistoryModel):
    """A request to raise a limit, waiting for a second person."""

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT)
    kind = models.TextField(choices=LimitKind.choices)
    value = ExactDecimalField()
    consent = models.OneToOneField(Consent, null=True, on_delete=models.PROTECT)
    effective_from = models.DateTimeField(null=True, help_text="Not before; null: as soon as it is granted.")
    expires_at = models.DateTimeField(null=True, help_text="When it reverts by itself; null: it stays.")
    applied_at = models.DateTimeField(null=True)

    @property
    def asked_by(self) -> User | None:
        """Who asked for it."""
        return None if self.consent is None else self.consent.requested_by

    @property
    def agreed_by(self) -> list[User]:
        """Who voted for it."""
        votes = [] if self.consent is None else self.consent.votes.all()
        return [vote.voter for vote in votes if vote.approve]


class Hold(HistoryModel, Claimable):
    """A stop on a scope: while it stands, nothing below trades more freely than its level allows."""

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts")

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="holds")
    level = models.TextField(choices=HoldLevel.choices)
    reason = models.TextField()
    placed_by = models.TextField(help_text="Actor.")
    # The database has the default too: a process of the code before, which knows no source, can still halt.
    source = models.TextField(
        choices=HoldSource.choices, default=HoldSource.KILL, db_default=HoldSource.KILL, help_text="What placed it."
    )
    cancels = models.TextField(choices=CancelChoice.choices, default=CancelChoice.OPENING)
    is_drill = models.BooleanField(default=False, help_text="Placed by a drill, which lifts it again.")
    epoch = models.PositiveIntegerField(help_text="Counts the holds of the scope.")
    state = models.TextField(choices=HoldState.choices, default=HoldState.ACTIVE)
    latched_at = models.DateTimeField(null=True, help_text="From then on no new send permit could exist.")
    latch_ms = models.FloatField(null=True, help_text="Milliseconds from the request to the latch.")
    open_permits = models.JSONField(default=list, help_text="Orders that were permitted before the latch.")
    drain_state = models.TextField(choices=DrainState.choices, default=DrainState.PENDING)
    drained_at = models.DateTimeField(null=True)
    drain_ms = models.FloatField(null=True, help_text="Milliseconds from the latch until drained.")
    left = models.JSONField(default=list, help_text="Orders whose end the venue has not confirmed.")
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


class ScopeBook(OperationalModel):
    """What all bots below a scope hold and have working together, in base currency, and their profit.

    A position counts at its last valuation, a working order at the price of its check. Real money and paper are
    added up apart: a limit holds for each by itself, so that paper uses up no room of live.
    """

    rebuilt_from = "exposures, working orders and positions: manage.py rebuild_exposure"

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="books")
    mode = models.TextField(choices=Mode.choices)
    gross = ExactDecimalField(default=0, help_text="Sum of the sizes of all positions.")
    net = ExactDecimalField(default=0, help_text="Sum of all positions, signed.")
    buying = ExactDecimalField(default=0, help_text="Working buy orders.")
    selling = ExactDecimalField(default=0)
    open_orders = models.IntegerField(default=0)
    pnl = ExactDecimalField(default=0, help_text="Realised and unrealised, less fees, since the start.")
    pnl_at_open = ExactDecimalField(default=0, help_text="The same at the start of the trading day.")
    pnl_peak = ExactDecimalField(default=0, help_text="The highest that it has been.")
    trading_day = models.DateField(null=True)
    marked_at = models.DateTimeField(null=True, help_text="Wall time of the last valuation.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "mode"], name="one_book_per_scope_and_mode")]


class Throttle(HistoryModel):
    """A bot that repeated itself too often: nothing of it opens until a named person enables it again."""

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="throttles", help_text="The bot's.")
    reason = models.TextField()
    repeats = models.PositiveIntegerField()
    enabled_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT)
    enabled_at = models.DateTimeField(null=True)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["scope"], condition=Q(enabled_at__isnull=True), name="one_standing_throttle_per_bot"
            )
        ]


class KillDrill(HistoryModel, Claimable):
    """A rehearsal of the kill switch on a paper deployment: a duty until it has passed, then a permission.

    From `blocks_from` on a drill that has not passed blocks promotions below its scope; one that passed
    counts until `valid_until`.
    """

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts")

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="drills")
    state = models.TextField(choices=DrillState.choices, default=DrillState.DUE)
    scheduled_by = models.TextField(help_text="Actor.")
    blocks_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    hold = models.OneToOneField(Hold, null=True, on_delete=models.PROTECT)
    latch_ms = models.FloatField(null=True)
    drain_ms = models.FloatField(null=True)
    figures = models.JSONField(default=dict, help_text="Orders, denials, sends after the latch.")
    message = models.TextField(default="", blank=True)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["scope"], condition=Q(state__in=["due", "running"]), name="one_open_drill_per_scope"
            )
        ]


class OrderRate(OperationalModel):
    """How many orders a bot sent in the current minute and second; a row, so that it works without Redis."""

    rebuilt_from = "starts empty every minute"

    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)
    minute = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)
    second = models.DateTimeField(null=True)
    second_count = models.PositiveIntegerField(default=0)
