"""Shapes of holds and of what a halt would do."""

from rest_framework import serializers

from apps.common.api.fields import DecimalString
from apps.common.api.serializers import Act, ReasonedAct, Shown
from apps.execution.models import Order
from apps.risk.models import Hold
from apps.risk.states import CancelChoice, HoldLevel

CANCELS = "`all` takes protective orders and exits too and leaves positions unguarded: preview it first."


class HoldShown(Shown):
    """A stop on a scope."""

    scope_kind = serializers.CharField(source="scope.kind")
    scope_name = serializers.CharField(source="scope.name")
    open_permits = serializers.ListField(child=serializers.DictField(), help_text="Orders permitted before the latch.")
    left = serializers.ListField(child=serializers.DictField(), help_text="Orders that the venue has not confirmed.")
    release_digest = serializers.CharField(
        source="consent.digest",
        default=None,
        allow_null=True,
        help_text="What a vote on its release must carry.",
    )

    class Meta:
        model = Hold
        fields = (
            "id", "scope", "scope_kind", "scope_name", "level", "cancels", "source", "is_drill", "reason",
            "placed_by", "epoch", "state", "latched_at", "latch_ms", "open_permits", "drain_state", "drained_at",
            "drain_ms", "left", "consent", "release_digest", "released_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewHold(ReasonedAct):
    """A hold to place."""

    scope = serializers.UUIDField(help_text="Id of the scope that stops: the firm's, a desk's, a bot's, ...")
    level = serializers.ChoiceField(HoldLevel.choices, help_text="REDUCING lets exits pass; HALTED nothing of bots.")
    cancels = serializers.ChoiceField(CancelChoice.choices, default=CancelChoice.OPENING, help_text=CANCELS)


class HaltAsked(Act):
    """A halt to look at before it is placed."""

    scope = serializers.UUIDField(help_text="Id of the scope that would stop.")
    cancels = serializers.ChoiceField(CancelChoice.choices, default=CancelChoice.OPENING, help_text=CANCELS)


class ReleaseAsked(ReasonedAct):
    """How far to release a hold."""

    to = serializers.ChoiceField(
        ["REDUCING", "ACTIVE"], help_text="REDUCING takes one person; ACTIVE needs a second person's vote."
    )


class HaltedOrderShown(Shown):
    """An order that a halt would cancel or keep."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = Order
        fields = (
            "id", "client_order_id", "bot", "account", "symbol", "side", "purpose", "quantity", "filled_quantity",
            "limit_price", "stop_price", "state", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class UnguardedShown(serializers.Serializer):
    """What is held of an instrument with no protective order left."""

    symbol = serializers.CharField()
    units = DecimalString(help_text="Units of the instrument, whatever the side.")
    base = DecimalString(allow_null=True, help_text="Base currency at the last price; null: no price or no rate.")


class HaltPreviewShown(serializers.Serializer):
    """What a halt would stop, cancel and leave unguarded, computed now."""

    scope = serializers.UUIDField(source="scope.pk")
    cancels = serializers.ChoiceField(CancelChoice.choices)
    bots = serializers.ListField(child=serializers.CharField())
    accounts = serializers.ListField(child=serializers.CharField())
    opening = HaltedOrderShown(many=True)
    protective = HaltedOrderShown(many=True)
    exits = HaltedOrderShown(many=True)
    kept = serializers.ListField(source="kept_ids", child=serializers.UUIDField(), help_text="Ids of what stays.")
    unguarded = UnguardedShown(many=True)
