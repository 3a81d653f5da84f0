"""Shapes of orders, fills and positions."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.api.fields import DecimalString, Flag
from apps.common.api.serializers import Act, ReasonedAct, Shown
from apps.execution.models import BotSession, Fill, Order, OrderEvent, Position
from apps.execution.states import OrderType, Purpose, Remainder, Side, TimeInForce

CALLERS_VERSIONS = (4, 7)


class OrderShown(Shown):
    """An order of ours; prices in the instrument's quote currency, quantities in units."""

    symbol = serializers.CharField(source="instrument.symbol")
    codes = serializers.ListField(child=serializers.CharField(), help_text="Why it was denied or rejected.")

    class Meta:
        model = Order
        fields = (
            "id", "client_order_id", "venue_order_id", "deployment", "bot", "account", "instrument", "symbol",
            "cycle", "intent_sequence", "epoch", "build_id", "trace_id", "placed_by", "by_person", "side",
            "order_type", "time_in_force", "purpose", "is_reduce_only", "is_post_only", "is_extended_hours",
            "remainder", "parent_id", "parent_quantity", "session", "needs_person", "quantity", "limit_price",
            "stop_price", "reference_price", "limits_snapshot", "decided_market_at", "state", "codes",
            "filled_quantity", "average_price", "cancel_requested", "created_at",
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
    post_only = Flag(required=False, default=False, help_text="Refuse to trade at once: rest at the limit price.")
    extended_hours = Flag(
        required=False,
        default=False,
        help_text="Trade before and after the regular session too: LIMIT orders for the DAY, where venue, instrument "
        "and the bot's configuration allow it.",
    )
    remainder = serializers.ChoiceField(
        Remainder.choices,
        required=False,
        default=Remainder.WORK,
        help_text="What happens to the rest once a part has filled.",
    )
    parent_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="The caller's parent order, of which this is a slice."
    )
    parent_quantity = DecimalString(
        required=False,
        allow_null=True,
        default=None,
        is_positive=True,
        help_text="Units that all slices of the parent together may fill.",
    )
    session = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Open session; required of bots that run elsewhere."
    )
    client_order_id = serializers.UUIDField(
        required=False,
        default=None,
        help_text="The caller's own id, a UUID of version 4 or 7; else made from the Idempotency-Key.",
    )

    def validate_client_order_id(self, value: UUID | None) -> UUID | None:
        """Other versions are names that the product gives: nobody takes one of them beforehand."""
        if value is not None and value.version not in CALLERS_VERSIONS:
            raise serializers.ValidationError("must be a UUID of version 4 or 7", code="CLIENT_ORDER_ID_RESERVED")
        return value


class DenialShown(serializers.Serializer[Any]):
    """One reason why an order would be refused."""

    code = serializers.CharField()
    figures = serializers.JSONField(source="context", help_text="What the code goes by.")


class PreviewShown(serializers.Serializer[Any]):
    """What the pre-trade check says of an order that was not placed."""

    accepted = serializers.SerializerMethodField()
    denials = DenialShown(many=True)
    limits = serializers.DictField(child=DecimalString(), help_text="Effective limits by kind.")
    unit_base = DecimalString(help_text="What one unit counts for, base currency.")
    market_at = serializers.DateTimeField(help_text="Market clock at the check.")

    def get_accepted(self, judged: Any) -> bool:
        """Whether it would go on to the venue."""
        return not judged.denials


class ReplaceAsked(Act):
    """New terms of a resting order; what is left out stays."""

    quantity = DecimalString(
        required=False,
        allow_null=True,
        default=None,
        is_positive=True,
        help_text="The whole quantity, filled included.",
    )
    limit_price = DecimalString(required=False, allow_null=True, default=None, is_positive=True)
    stop_price = DecimalString(required=False, allow_null=True, default=None, is_positive=True)


class CancelAllAsked(ReasonedAct):
    """Which orders to cancel."""

    scope = serializers.UUIDField(help_text="Id of the scope below which orders are cancelled.")
    purposes = serializers.ListField(
        child=serializers.ChoiceField(Purpose.choices), required=False, default=[Purpose.OPENING], min_length=1
    )


class RefusedCancel(serializers.Serializer[Any]):
    """An order that was not cancelled, and why."""

    order = serializers.UUIDField()
    code = serializers.CharField()


class CancelAllShown(serializers.Serializer[Any]):
    """What a cancel of many came to."""

    asked = serializers.SerializerMethodField()
    refused = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_asked(self, swept: Any) -> list[str]:
        """Orders that are being cancelled."""
        return [str(order.pk) for order in swept.asked]

    @extend_schema_field(RefusedCancel(many=True))
    def get_refused(self, swept: Any) -> list[dict[str, str]]:
        """Orders that stay, with the code of the refusal."""
        return [{"order": str(order.pk), "code": code} for order, code in swept.refused]


class SessionShown(Shown):
    """The lease under which a bot that runs elsewhere sends orders."""

    class Meta:
        model = BotSession
        fields = (
            "id", "deployment", "epoch", "build_id", "opened_by", "heartbeat_s", "heartbeat_at", "state", "ended_at",
            "outcome", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewSession(Act):
    """A session to open."""

    deployment = serializers.UUIDField(help_text="Id of a deployment whose bundle says `runs: attached`.")
    build_id = serializers.CharField(max_length=64, help_text="The build that the bot runs: the approved one.")
    heartbeat_s = serializers.IntegerField(
        min_value=1, max_value=300, required=False, default=15, help_text="Seconds until the next heartbeat is late."
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
    extended_hours = Flag(
        required=False,
        default=False,
        help_text="For the rest of the day, before and after the regular session too; needs a limit price.",
    )
