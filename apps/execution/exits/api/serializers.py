"""Shapes of exit plans and of their preview."""

from typing import Any

from rest_framework import serializers

from apps.common.api.fields import DecimalString, Flag
from apps.common.api.serializers import Act, ReasonedAct, Shown
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.exits.services import Terms
from apps.execution.models import Order


class ExitLegShown(Shown):
    """One position of a plan; signed units."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = ExitLeg
        fields = (
            "id", "deployment", "account", "instrument", "symbol", "hedge_group", "state", "target", "held", "slices",
            "last_order_id", "message",
        )  # fmt: skip
        read_only_fields = fields


class ExitPlanShown(Shown):
    """A plan that takes every position below a scope to zero."""

    scope_kind = serializers.CharField(source="scope.kind")
    scope_name = serializers.CharField(source="scope.name")
    legs = ExitLegShown(many=True)

    class Meta:
        model = ExitPlan
        fields = (
            "id", "scope", "scope_kind", "scope_name", "state", "source", "requested_by", "reason", "collar_bps",
            "participation", "step_s", "keep_protective", "closes_at", "message", "ended_at", "legs", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class ExitTerms(serializers.Serializer):
    """Where and how to exit."""

    scope = serializers.UUIDField(help_text="Id of the scope to leave: the firm's, a desk's, a bot's, ...")
    collar_bps = DecimalString(
        required=False,
        default=Terms().collar_bps,
        is_positive=True,
        help_text="How far a price may be from the reference, basis points; the collar limit narrows it.",
    )
    participation = DecimalString(
        required=False,
        default=Terms().participation,
        is_positive=True,
        help_text="Share of the volume expected in a step that a slice may take, at most 1.",
    )
    step_s = serializers.IntegerField(
        required=False, default=Terms().step_s, min_value=1, max_value=3600, help_text="Seconds between slices."
    )
    keep_protective = Flag(
        required=False,
        default=True,
        help_text="Protective orders guard until the venue says flat; false: they go first.",
    )
    hedge_groups = serializers.ListField(
        child=serializers.ListField(child=serializers.UUIDField(), max_length=500),
        required=False,
        default=list,
        max_length=500,
        help_text="Ids of deployments that advance together; the others by their strategy.",
    )


class NewExitPlan(ExitTerms, ReasonedAct):
    """A plan to start."""


class ExitPreviewAsked(ExitTerms, Act):
    """A plan to look at before it is started."""


class ExitOrderShown(Shown):
    """An order that guards a position or would be cancelled first."""

    class Meta:
        model = Order
        fields = (
            "id", "client_order_id", "side", "purpose", "order_type", "quantity", "filled_quantity", "limit_price",
            "stop_price", "state", "placed_by",
        )  # fmt: skip
        read_only_fields = fields


class ExitPreviewLeg(serializers.Serializer):
    """A position as the plan would find it; unconfirmed where the venue did not say what it holds."""

    deployment = serializers.UUIDField(source="deployment.pk")
    bot = serializers.CharField(source="deployment.bot.name")
    account = serializers.CharField(source="deployment.account.name")
    symbol = serializers.CharField(source="deployment.instrument.symbol")
    hedge_group = serializers.IntegerField()
    our_position = DecimalString(help_text="Signed units, from our fills.")
    venue_position = DecimalString(allow_null=True, help_text="Signed units, as the venue says now.")
    is_confirmed = serializers.BooleanField()
    side = serializers.CharField(allow_blank=True, help_text="Side of the exit; empty when there is nothing to close.")
    quantity = DecimalString(help_text="Units to close.")
    slices = serializers.IntegerField(allow_null=True, help_text="Orders that it takes; null: not known now.")
    reference_price = DecimalString(allow_null=True, help_text="Quote currency; null: no fresh price.")
    reference_source = serializers.CharField(allow_blank=True)
    price_bound = DecimalString(allow_null=True, help_text="The worst price that a slice would accept now.")
    notional_base = DecimalString(allow_null=True, help_text="Base currency; null: no price or no rate.")
    protective = ExitOrderShown(many=True)
    cancels = ExitOrderShown(many=True, help_text="Orders that would be cancelled first.")
    may_reopen = serializers.BooleanField(help_text="The bot runs and no hold keeps it from opening again.")
    waits_for = serializers.CharField(allow_blank=True, help_text="Why the plan would wait now.")
    plan = serializers.UUIDField(source="plan_id", allow_null=True, help_text="Another active plan that has it.")


class ExitPreviewShown(serializers.Serializer):
    """What a plan with these terms would do now."""

    scope = serializers.UUIDField(source="scope.pk")
    is_confirmed = serializers.BooleanField(help_text="Every venue said what it holds.")
    notional_base = DecimalString(allow_null=True, help_text="All legs, base currency.")
    active_plan = serializers.UUIDField(allow_null=True, help_text="A plan at work on the scope stands in the way.")
    legs = ExitPreviewLeg(many=True)


def terms_of(body: dict[str, Any]) -> Terms:
    """The terms in a checked body; they are taken out of it."""
    names = ("collar_bps", "participation", "step_s", "keep_protective")
    return Terms(**{name: body.pop(name) for name in names})
