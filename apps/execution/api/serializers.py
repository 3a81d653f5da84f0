"""Shapes of orders, fills and positions."""

from rest_framework import serializers

from apps.common.api.fields import DecimalString, Flag
from apps.common.api.serializers import Act, ReasonedAct, Shown
from apps.execution.models import Fill, Order, OrderEvent, Position
from apps.execution.states import OrderType, Purpose, Side, TimeInForce


class OrderShown(Shown):
    """An order of ours; prices in the instrument's quote currency, quantities in units."""

    symbol = serializers.CharField(source="instrument.symbol")
    codes = serializers.ListField(child=serializers.CharField(), help_text="Why it was denied or rejected.")

    class Meta:
        model = Order
        fields = (
            "id", "client_order_id", "venue_order_id", "deployment", "bot", "account", "instrument", "symbol",
            "cycle", "intent_sequence", "epoch", "build_id", "trace_id", "placed_by", "by_person", "side",
            "order_type", "time_in_force", "purpose", "is_reduce_only", "quantity", "limit_price", "stop_price",
            "reference_price", "limits_snapshot", "decided_market_at", "state", "codes", "filled_quantity",
            "average_price", "cancel_requested", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewOrder(Act):
    """An order to place under a deployment."""

    deployment = serializers.UUIDField(help_text="Id of a deployment; it names bot, account and build.")
    instrument = serializers.CharField(max_length=40, help_text="Symbol; unknown: INSTRUMENT_UNKNOWN.")
    side = serializers.ChoiceField(Side.choices)
    quantity = DecimalString(is_positive=True, help_text="Units of the instrument, a multiple of its lot size.")
    order_type = serializers.ChoiceField(OrderType.choices)
    limit_price = DecimalString(
        required=False,
        allow_null=True,
        default=None,
        is_positive=True,
        help_text="Quote currency; of LIMIT orders.",
    )
    stop_price = DecimalString(
        required=False,
        allow_null=True,
        default=None,
        is_positive=True,
        help_text="Quote currency; of STOP orders.",
    )
    time_in_force = serializers.ChoiceField(TimeInForce.choices)
    purpose = serializers.ChoiceField(Purpose.choices, help_text="EXIT passes what stops an OPENING order.")
    reduce_only = Flag(required=False, default=False, help_text="Refuse what would grow or flip the position.")
    client_order_id = serializers.UUIDField(
        required=False, default=None, help_text="The caller's own id; else made from the Idempotency-Key."
    )


class OrderEventShown(Shown):
    """One transition of an order."""

    class Meta:
        model = OrderEvent
        fields = ("id", "sequence", "state", "actor", "reason", "detail", "created_at")
        read_only_fields = fields


class FillShown(Shown):
    """One execution as the venue reported it."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = Fill
        fields = (
            "id", "account", "order", "bot", "instrument", "symbol", "trade_id", "venue_sequence", "side", "quantity",
            "price", "fee", "fee_currency", "market_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class PositionShown(Shown):
    """What a bot owns on an account, from our fills; signed units."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = Position
        fields = (
            "id", "bot", "account", "instrument", "symbol", "quantity", "average_price", "realised_pnl", "fees",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class CloseAsked(ReasonedAct):
    """How to leave a position."""

    quantity = DecimalString(
        required=False,
        allow_null=True,
        default=None,
        is_positive=True,
        help_text="Units; all of it when left out.",
    )
    limit_price = DecimalString(
        required=False,
        allow_null=True,
        default=None,
        is_positive=True,
        help_text="Quote currency; else at market.",
    )
