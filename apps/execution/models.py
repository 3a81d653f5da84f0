"""Cycles, orders with their events, fills, positions and equity."""

from django.db import models
from django.db.models import Q

from apps.access.models import Consent, User
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.bots.models import Bot
from apps.common.models import Claimable, ExactDecimalField, OperationalModel
from apps.deployments.models import Deployment
from apps.execution.states import (
    AnomalyKind,
    CycleState,
    FillKind,
    OrderState,
    OrderType,
    Purpose,
    Remainder,
    SessionState,
    SettleOutcome,
    Side,
    TimeInForce,
)
from apps.markets.models import Instrument, OfficialMark
from apps.venues.models import Account


class Cycle(OperationalModel, Claimable):
    """One slice of events through one deployment; the checkpoint commits with the orders it produced."""

    rebuilt_from = "the events since the last checkpoint; a cycle that was not committed runs again"

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="cycles")
    epoch = models.PositiveIntegerField()
    sequence = models.PositiveIntegerField()
    state = models.TextField(choices=CycleState.choices, default=CycleState.DUE)
    from_ms = models.BigIntegerField(help_text="Market time after which events belong to this cycle.")
    until_ms = models.BigIntegerField(null=True, help_text="Market time of the last event consumed.")
    told_until = models.BigIntegerField(default=0, help_text="Number of the last fill that the bot has seen.")
    bars = models.PositiveIntegerField(default=0)
    checkpoint = models.JSONField(null=True, help_text="The bot's state after the slice.")
    signals = models.JSONField(default=list)
    inputs = models.JSONField(default=list, help_text="Model inputs that the bot declared.")
    duration_ms = models.PositiveIntegerField(null=True)
    error = models.TextField(default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deployment", "epoch", "sequence"], name="cycle_in_sequence"),
            models.UniqueConstraint(
                fields=["deployment"], condition=Q(state=CycleState.DUE), name="one_due_cycle_per_deployment"
            ),
        ]


class BotSession(HistoryModel, Claimable):
    """The lease under which a bot that runs elsewhere sends orders; due when its next heartbeat is late."""

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts", "heartbeat_at")

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="sessions")
    epoch = models.PositiveIntegerField(help_text="Deployment epoch; a session of an older one cannot send.")
    build_id = models.CharField(max_length=64, help_text="What the bot says it runs; the deployment's build.")
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT)
    heartbeat_s = models.PositiveIntegerField(help_text="Seconds within which the next heartbeat must come.")
    heartbeat_at = models.DateTimeField()
    state = models.TextField(choices=SessionState.choices, default=SessionState.OPEN)
    ended_at = models.DateTimeField(null=True)
    outcome = models.TextField(default="", blank=True, help_text="What the dead-man policy did.")

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["deployment"], condition=Q(state=SessionState.OPEN), name="one_open_session_per_deployment"
            ),
            models.CheckConstraint(condition=Q(heartbeat_s__gt=0), name="session_heartbeat_positive"),
        ]
        # The sweep of every second looks at what is open and at what was just lost, among ever more that have ended.
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state=SessionState.OPEN), name="session_open"),
            models.Index(fields=["ended_at"], condition=Q(state=SessionState.EXPIRED), name="session_lost"),
        ]


class Order(OperationalModel, Claimable):
    """An order of ours; its history is its events."""

    rebuilt_from = "OrderEvent and Fill"

    client_order_id = models.UUIDField(unique=True)
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="orders")
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="orders")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="orders")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    cycle = models.ForeignKey(Cycle, null=True, on_delete=models.PROTECT, related_name="orders")
    session = models.ForeignKey(BotSession, null=True, on_delete=models.PROTECT, related_name="orders")
    intent_sequence = models.PositiveIntegerField(null=True)
    epoch = models.PositiveIntegerField(help_text="Deployment epoch; an older one cannot be sent.")
    build_id = models.CharField(max_length=64)
    trace_id = models.UUIDField()
    placed_by = models.TextField(help_text="Actor: the bot's service account, a job or a person.")
    by_person = models.BooleanField(default=False, help_text="An authorised person's own order.")
    side = models.TextField(choices=Side.choices)
    order_type = models.TextField(choices=OrderType.choices)
    time_in_force = models.TextField(choices=TimeInForce.choices)
    purpose = models.TextField(choices=Purpose.choices)
    is_reduce_only = models.BooleanField(default=False)
    is_post_only = models.BooleanField(default=False)
    is_extended_hours = models.BooleanField(
        default=False, db_default=False, help_text="It may also trade before and after the regular session."
    )
    remainder = models.TextField(choices=Remainder.choices, default=Remainder.WORK)
    parent_id = models.UUIDField(null=True, help_text="The caller's parent order, of which this is a slice.")
    parent_quantity = ExactDecimalField(null=True, help_text="What all slices of the parent may add up to.")
    quantity = ExactDecimalField()
    limit_price = ExactDecimalField(null=True)
    stop_price = ExactDecimalField(null=True)
    reference_price = ExactDecimalField(null=True, help_text="The collar's reference at the check.")
    limits_snapshot = models.JSONField(default=dict, help_text="Effective limits at the check.")
    decided_market_at = models.DateTimeField(help_text="Market clock at the decision.")
    state = models.TextField(choices=OrderState.choices, default=OrderState.INITIALIZED)
    codes = models.JSONField(default=list, help_text="Reason codes of a denial or rejection.")
    venue_order_id = models.TextField(default="", blank=True)
    send_before = models.DateTimeField(null=True, help_text="The permit: no call to the venue after this.")
    filled_quantity = ExactDecimalField(default=0)
    average_price = ExactDecimalField(null=True)
    reserved_quantity = ExactDecimalField(default=0, help_text="Units that exposure still counts as working.")
    unit_base = ExactDecimalField(default=0, help_text="Base currency per unit at the check; what scopes reserve.")
    replace_quantity = ExactDecimalField(null=True, help_text="Terms that the venue was asked for.")
    replace_limit_price = ExactDecimalField(null=True)
    replace_stop_price = ExactDecimalField(null=True)
    needs_person = models.BooleanField(default=False, help_text="Only a person can find out what became of it.")
    unlisted_at = models.DateTimeField(null=True, help_text="When a list of the venue's open orders first lacked it.")
    is_reported = models.BooleanField(default=False, help_text="The bot was told how the order ended.")
    cancel_requested = models.BooleanField(default=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="order_quantity_positive")]
        indexes = [
            models.Index(fields=["bot", "-id"], name="order_by_bot"),
            models.Index(
                fields=["account", "instrument"],
                condition=Q(
                    state__in=[
                        "INITIALIZED",
                        "SUBMITTING",
                        "UNKNOWN",
                        "ACCEPTED",
                        "PARTIALLY_FILLED",
                        "PENDING_REPLACE",
                        "PENDING_CANCEL",
                    ]
                ),
                name="order_at_work",
            ),
            models.Index(
                fields=["instrument", "side"],
                condition=Q(
                    state__in=[
                        "INITIALIZED",
                        "SUBMITTING",
                        "UNKNOWN",
                        "ACCEPTED",
                        "PARTIALLY_FILLED",
                        "PENDING_REPLACE",
                        "PENDING_CANCEL",
                    ]
                ),
                name="order_crossing",
            ),
            models.Index(fields=["parent_id"], condition=Q(parent_id__isnull=False), name="order_by_parent"),
            models.Index(fields=["id"], condition=Q(needs_person=True), name="order_for_people"),
            models.Index(fields=["deployment"], condition=Q(is_reported=False), name="order_unreported"),
        ]


class OrderEvent(AppendOnlyModel):
    """One transition of an order: the order's history."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveIntegerField()
    state = models.TextField(choices=OrderState.choices)
    actor = models.TextField()
    reason = models.TextField(default="", blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "sequence"], name="order_events_in_sequence")]


class NextNumber(models.Func):
    """The next number of a fill."""

    template = "nextval('execution_fill_number')"
    output_field = models.BigIntegerField()


class Fill(AppendOnlyModel):
    """One execution as the venue reported it; a trade id is booked once."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="fills")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills")
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="fills")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    trade_id = models.TextField()
    kind = models.TextField(choices=FillKind.choices, default=FillKind.TRADE)
    corrects = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="corrections")
    venue_sequence = models.BigIntegerField(help_text="The venue's order of this account's trades.")
    number = models.BigIntegerField(
        db_default=NextNumber(),
        help_text="The order in which we booked them; given under the lock of the bot's exposure.",
    )
    side = models.TextField(choices=Side.choices)
    quantity = ExactDecimalField()
    price = ExactDecimalField()
    fee = ExactDecimalField()
    fee_currency = models.CharField(max_length=12)
    market_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "trade_id"], name="fill_booked_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0, price__gt=0), name="fill_positive"),
        ]
        indexes = [models.Index(fields=["bot", "-id"], name="fill_by_bot")]


class Anomaly(OperationalModel, Claimable):
    """A fact of the venue's that no order of ours explains; due until reconciliation has made it a break."""

    rebuilt_from = "orders, fills and the venue's trades"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="anomalies")
    order = models.ForeignKey(Order, null=True, on_delete=models.PROTECT, related_name="anomalies")
    kind = models.TextField(choices=AnomalyKind.choices)
    key = models.TextField(help_text="What it is about: a trade id.")
    ours = models.JSONField(null=True)
    theirs = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "kind", "key"], name="one_anomaly_per_key")]


class OrderSettlement(HistoryModel):
    """What a person learned from the venue's desk about an order in doubt; what frees needs a second person."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="settlements")
    outcome = models.TextField(choices=SettleOutcome.choices)
    venue_order_id = models.TextField(default="", blank=True)
    consent = models.ForeignKey(Consent, null=True, on_delete=models.PROTECT, related_name="+")
    applied_at = models.DateTimeField(null=True)


class Position(OperationalModel):
    """What a bot owns on an account, from our fills; signed units."""

    rebuilt_from = "Fill"

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="positions")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="positions")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    quantity = ExactDecimalField(default=0)
    average_price = ExactDecimalField(default=0)
    realised_pnl = ExactDecimalField(default=0, help_text="Quote currency, before fees.")
    fees = ExactDecimalField(default=0)
    value_base = ExactDecimalField(default=0, help_text="Signed, base currency, at the last valuation.")
    pnl_base = ExactDecimalField(default=0, help_text="Realised and unrealised, less fees, base currency.")
    trading_day = models.DateField(null=True, help_text="The day of its instrument that its feed has reached.")
    pnl_at_open = ExactDecimalField(default=0, db_default=0, help_text="`pnl_base` when that day began.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bot", "account", "instrument"], name="one_position_per_slice")]


class DayClose(OperationalModel, Claimable):
    """What a position stood at when its trading day ended: provisionally, and by the official mark once it is known.

    Due when it is written, and again when a mark is stated or has been missing for too long.
    """

    rebuilt_from = "fills, bars, rates and official marks; books begin their present day with it"

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="day_closes")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="day_closes")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="+")
    trading_day = models.DateField(help_text="The day that ended.")
    opens = models.DateField(help_text="The day that began.")
    scopes = models.JSONField(default=list, help_text="Scopes whose books began that day with this position.")
    quantity = ExactDecimalField(help_text="Signed units.")
    multiplier = ExactDecimalField()
    rate = ExactDecimalField(help_text="Base currency per unit of the quote currency.")
    provisional_price = ExactDecimalField(help_text="The feed's last price when the day turned.")
    value_base = ExactDecimalField(help_text="Signed, at the provisional price.")
    pnl_base = ExactDecimalField(help_text="Since the start, realised and unrealised, less fees; provisional price.")
    pnl_day_base = ExactDecimalField(help_text="The same since the day began.")
    mark = models.ForeignKey(
        OfficialMark, null=True, on_delete=models.PROTECT, related_name="+", help_text="By which it was restated last."
    )
    restated_base = ExactDecimalField(
        default=0, help_text="What the mark makes of it beyond the provisional price; the books began the day with it."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "account", "instrument", "trading_day"], name="one_close_per_day")
        ]
        indexes = [
            models.Index(fields=["instrument", "trading_day"], name="close_by_day"),
            models.Index(fields=["bot", "-id"], name="close_by_bot"),
        ]


class AccountSync(OperationalModel, Claimable):
    """How far the venue's trades of an account were booked."""

    rebuilt_from = "the highest venue sequence among the account's fills"

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="sync")
    cursor = models.BigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    answered_at = models.DateTimeField(null=True)
    cash = ExactDecimalField(null=True, help_text="Account currency, as the venue said last.")
    cash_at = models.DateTimeField(null=True, help_text="When it said so; a stale answer denies what opens.")


class EquityPoint(OperationalModel):
    """A bot's profit and loss at the end of a bar, for charts."""

    rebuilt_from = "fills and bars; thinned with age"

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="equity")
    market_at = models.DateTimeField()
    mark_price = ExactDecimalField()
    quantity = ExactDecimalField()
    pnl = ExactDecimalField(help_text="Realised and unrealised, less fees, quote currency.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deployment", "market_at"], name="one_equity_point_per_bar")]
