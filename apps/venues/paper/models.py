"""The paper venue's own books. Nothing of ours reads them but the adapter (and checkers in tests)."""

from django.db import models
from django.db.models import Q
from quarterdeck.events import Instrument

from apps.common.models import ExactDecimalField, OperationalModel
from apps.venues.adapters.base import SubmitRequest
from apps.venues.paper.states import Call, FaultKind, TradeKind


class PaperAccount(OperationalModel):
    """An account at the paper venue, by the name that clients use."""

    rebuilt_from = "the venue's own orders and trades and the opening cash"

    name = models.TextField(unique=True)
    currency = models.CharField(max_length=12)
    opening_cash = ExactDecimalField()
    cash = ExactDecimalField()


class PaperMarket(OperationalModel):
    """How far the venue has matched one symbol; its row lock orders matching of that symbol."""

    rebuilt_from = "the market clock: matching starts again at the current bar"

    symbol = models.TextField(unique=True)
    feed = models.TextField(help_text="Name of the feed that makes its prices.")
    matched_until_ms = models.BigIntegerField(help_text="Market time: end of the last bar matched.")
    simulation = models.JSONField(help_text="Simulator settings: spread, slippage, fees, participation.")
    lot_size = ExactDecimalField()
    tick_size = ExactDecimalField()
    multiplier = ExactDecimalField(default=1)
    currency = models.CharField(max_length=12, help_text="What prices and fees are in.")

    def instrument(self) -> Instrument:
        """The simulator's instrument; the smallest order is one lot."""
        return Instrument(
            symbol=self.symbol,
            tick_size=self.tick_size,
            lot_size=self.lot_size,
            quantity_min=self.lot_size,
            multiplier=self.multiplier,
            currency=self.currency,
        )


class PaperOrder(OperationalModel):
    """An order as the venue holds it."""

    rebuilt_from = "the venue's own record; kept as long as the account"

    account = models.ForeignKey(PaperAccount, on_delete=models.PROTECT, related_name="orders")
    client_order_id = models.TextField()
    symbol = models.TextField()
    side = models.TextField()
    order_type = models.TextField()
    time_in_force = models.TextField()
    quantity = ExactDecimalField()
    limit_price = ExactDecimalField(null=True)
    stop_price = ExactDecimalField(null=True)
    is_reduce_only = models.BooleanField(default=False)
    is_post_only = models.BooleanField(default=False)
    is_extended_hours = models.BooleanField(default=False, db_default=False)
    filled_quantity = ExactDecimalField(default=0)
    average_price = ExactDecimalField(null=True)
    reserved = ExactDecimalField(default=0, help_text="Cash that the rest of a buy keeps back.")
    state = models.TextField(help_text="open, filled, canceled, rejected, expired")
    reject_code = models.TextField(default="", blank=True)
    eligible_from_ms = models.BigIntegerField(help_text="Market time: only bars starting then or later fill it.")
    expires_ms = models.BigIntegerField(null=True, help_text="Market time: end of a DAY order's trading day.")
    is_triggered = models.BooleanField(default=False)
    queue_ahead = ExactDecimalField(null=True, help_text="Volume that trades before it; null: it has not joined.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "client_order_id"], name="paper_client_id_once"),
            models.CheckConstraint(condition=Q(filled_quantity__lte=models.F("quantity")), name="paper_no_overfill"),
        ]
        indexes = [
            models.Index(fields=["symbol", "id"], condition=Q(state="open"), name="paper_open_by_symbol"),
        ]

    def request(self) -> SubmitRequest:
        """What the client asked for."""
        return SubmitRequest(
            client_order_id=self.client_order_id,
            symbol=self.symbol,
            side=self.side,
            order_type=self.order_type,
            time_in_force=self.time_in_force,
            quantity=self.quantity,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            is_reduce_only=self.is_reduce_only,
            is_post_only=self.is_post_only,
            is_extended_hours=self.is_extended_hours,
        )


class PaperTrade(OperationalModel):
    """One execution at the venue, or the undoing of one; `sequence` orders the account's trades."""

    rebuilt_from = "the venue's own record; kept as long as the account"

    order = models.ForeignKey(PaperOrder, on_delete=models.PROTECT, related_name="trades")
    account = models.ForeignKey(PaperAccount, on_delete=models.PROTECT, related_name="trades")
    sequence = models.BigIntegerField()
    trade_id = models.TextField(unique=True)
    symbol = models.TextField()
    side = models.TextField()
    quantity = ExactDecimalField()
    price = ExactDecimalField()
    fee = ExactDecimalField()
    market_ms = models.BigIntegerField()
    kind = models.TextField(choices=TradeKind.choices, default=TradeKind.TRADE)
    refers_to = models.TextField(default="", blank=True, help_text="Trade id that a bust undoes.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "sequence"], name="paper_trades_in_sequence"),
            models.UniqueConstraint(fields=["refers_to"], condition=Q(kind="bust"), name="paper_bust_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0, price__gt=0), name="paper_trade_positive"),
        ]


class PaperPosition(OperationalModel):
    """What an account holds of a symbol at the venue; signed."""

    rebuilt_from = "the venue's own trades"

    account = models.ForeignKey(PaperAccount, on_delete=models.PROTECT, related_name="positions")
    symbol = models.TextField()
    quantity = ExactDecimalField(default=0)
    average_price = ExactDecimalField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "symbol"], name="paper_position_once")]


class PaperFault(OperationalModel):
    """A failure that the venue was told to have: which calls of whom it hits, how often, until when."""

    rebuilt_from = "nothing: it ends with its count, its time or clear_faults"

    account = models.TextField(default="", blank=True, help_text="Name of an account; empty: the whole venue.")
    call = models.TextField(choices=Call.choices)
    kind = models.TextField(choices=FaultKind.choices)
    delay_ms = models.PositiveIntegerField(default=0)
    code = models.TextField(default="", blank=True, help_text="What a reject says.")
    count = models.PositiveIntegerField(null=True, help_text="How many calls it hits; null: all.")
    used = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(null=True, help_text="Wall time; null: no end.")
    is_open = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(count=None) | Q(used__lte=models.F("count")), name="paper_fault_count"),
        ]
        indexes = [models.Index(fields=["account"], condition=Q(is_open=True), name="paper_faults_open")]


class PaperLate(OperationalModel):
    """A request that is still on its way to the venue although its sender has stopped waiting."""

    rebuilt_from = "nothing: it is gone once it has arrived"

    account = models.TextField()
    call = models.TextField(choices=Call.choices)
    request = models.JSONField()
    arrives_at = models.DateTimeField(db_index=True)
