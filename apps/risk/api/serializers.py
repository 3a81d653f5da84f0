"""Shapes of limits, raises, exposure and drills of the kill switch."""

from uuid import UUID

from rest_framework import serializers

from apps.common.api.fields import DecimalString
from apps.common.api.serializers import ReasonedAct, Shown
from apps.risk.models import Exposure, Hold, KillDrill, Limit, LimitRaise, ScopeBook, Throttle
from apps.risk.states import LimitKind


class LimitShown(Shown):
    """The bound of one kind on one scope."""

    asked_by = serializers.UUIDField(
        source="raised_by.asked_by.pk", default=None, allow_null=True, help_text="Who asked for the raise."
    )
    agreed_by = serializers.SerializerMethodField(help_text="Who voted for the raise.")

    class Meta:
        model = Limit
        fields = (
            "id", "scope", "kind", "value", "expires_at", "reverts_to", "set_by", "raised_by", "asked_by", "agreed_by",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_agreed_by(self, limit: Limit) -> list[UUID]:
        """Ids of the voters; none for a limit that stands on no raise."""
        return [] if limit.raised_by is None else [voter.pk for voter in limit.raised_by.agreed_by]


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
        fields = (
            "id", "scope", "kind", "value", "effective_from", "expires_at", "consent", "digest", "state", "applied_at",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class RaiseAsked(LimitAsked):
    """A limit to raise, from when and until when."""

    effective_from = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Not before; left out: as soon as it is granted."
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="When it reverts by itself; left out: it stays."
    )


class BookShown(Shown):
    """What all bots below a scope hold and have working together in one mode, base currency."""

    scope_kind = serializers.CharField(source="scope.kind")
    scope_name = serializers.CharField(source="scope.name")

    class Meta:
        model = ScopeBook
        fields = (
            "id", "scope", "scope_kind", "scope_name", "mode", "gross", "net", "buying", "selling", "open_orders",
            "pnl", "pnl_at_open", "pnl_peak", "trading_day", "marked_at",
        )  # fmt: skip
        read_only_fields = fields


class ThrottleShown(Shown):
    """A bot that repeated itself and opens nothing until a named person enables it."""

    class Meta:
        model = Throttle
        fields = ("id", "scope", "reason", "repeats", "enabled_by", "enabled_at", "created_at")
        read_only_fields = fields


class DrillShown(Shown):
    """A rehearsal of the kill switch."""

    scope_kind = serializers.CharField(source="scope.kind")
    scope_name = serializers.CharField(source="scope.name")
    figures = serializers.DictField(help_text="Orders, denials and sends after the latch, as the drill counted them.")

    class Meta:
        model = KillDrill
        fields = (
            "id", "scope", "scope_kind", "scope_name", "state", "scheduled_by", "due_at", "blocks_from", "valid_until",
            "started_at", "finished_at", "hold", "latch_ms", "drain_ms", "figures", "message", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewDrill(ReasonedAct):
    """A drill to schedule."""

    scope = serializers.UUIDField(help_text="Id of the scope; a running paper deployment below it is halted.")
    due_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Wall time; at once when left out."
    )


class LatchShown(Shown):
    """One throw of the kill switch."""

    scope_kind = serializers.CharField(source="scope.kind")
    scope_name = serializers.CharField(source="scope.name")
    left = serializers.ListField(child=serializers.DictField(), help_text="Orders that the venue has not confirmed.")
    open_permits = serializers.ListField(child=serializers.DictField(), help_text="Orders permitted before the latch.")

    class Meta:
        model = Hold
        fields = (
            "id", "scope", "scope_kind", "scope_name", "level", "cancels", "source", "is_drill", "reason",
            "placed_by", "latched_at", "latch_ms", "open_permits", "drain_state", "drained_at", "drain_ms", "left",
            "released_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


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
