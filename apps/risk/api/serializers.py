"""Shapes of limits, raises, holds and exposure."""

from rest_framework import serializers

from apps.common.api.fields import DecimalString
from apps.common.api.serializers import ReasonedAct, Shown
from apps.risk.models import Exposure, Hold, Limit, LimitRaise
from apps.risk.states import HoldLevel, LimitKind


class LimitShown(Shown):
    """The bound of one kind on one scope."""

    class Meta:
        model = Limit
        fields = ("id", "scope", "kind", "value", "set_by", "created_at")
        read_only_fields = fields


class LimitAsked(ReasonedAct):
    """A limit to lower or raise."""

    scope = serializers.UUIDField(help_text="Id of the scope it bounds.")
    kind = serializers.ChoiceField(LimitKind.choices)
    value = DecimalString(help_text="In the unit of the kind: units, base currency, basis points, orders.")


class RaiseShown(Shown):
    """A request to raise a limit; vote with the digest of its consent."""

    digest = serializers.CharField(source="consent.digest", default=None, allow_null=True)
    state = serializers.CharField(source="consent.state", default=None, allow_null=True)

    class Meta:
        model = LimitRaise
        fields = ("id", "scope", "kind", "value", "consent", "digest", "state", "applied_at", "created_at")
        read_only_fields = fields


class HoldShown(Shown):
    """A stop on a scope."""

    scope_kind = serializers.CharField(source="scope.kind")
    scope_name = serializers.CharField(source="scope.name")
    release_digest = serializers.CharField(
        source="consent.digest",
        default=None,
        allow_null=True,
        help_text="What a vote on its release must carry.",
    )

    class Meta:
        model = Hold
        fields = (
            "id", "scope", "scope_kind", "scope_name", "level", "reason", "placed_by", "epoch", "state",
            "latched_at", "latch_ms", "drain_state", "drained_at", "consent", "release_digest", "released_at",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewHold(ReasonedAct):
    """A hold to place."""

    scope = serializers.UUIDField(help_text="Id of the scope that stops: the firm's, a desk's, a bot's, ...")
    level = serializers.ChoiceField(HoldLevel.choices, help_text="REDUCING lets exits pass; HALTED nothing of bots.")


class ReleaseAsked(ReasonedAct):
    """How far to release a hold."""

    to = serializers.ChoiceField(
        ["REDUCING", "ACTIVE"], help_text="REDUCING takes one person; ACTIVE needs a second person's vote."
    )


class ExposureShown(Shown):
    """What one bot holds and has working in one instrument; signed units."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = Exposure
        fields = (
            "id",
            "scope",
            "instrument",
            "symbol",
            "position",
            "working_buy",
            "working_sell",
            "created_at",
        )
        read_only_fields = fields
