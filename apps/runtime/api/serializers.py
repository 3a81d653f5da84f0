"""Shapes of backtests: what is asked for, how far it is, and what it came to."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.api.fields import DecimalString, Flag, Reference
from apps.common.api.serializers import Act, Shown
from apps.runtime import asking, selectors
from apps.runtime.models import Backtest, BacktestFill, BacktestRun


class BacktestShown(Shown):
    """The result of running a build over a frozen dataset."""

    bot = serializers.UUIDField(source="code_version.bot_id")

    class Meta:
        model = Backtest
        fields = (
            "id", "bot", "code_version", "parameter_set", "dataset", "seed", "intents_hash", "orders_hash", "metrics",
            "simulation", "starting_cash", "bars", "fills_left_out", "duration_ms", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class BacktestWithEquity(BacktestShown):
    """One backtest with its equity and drawdown curves."""

    drawdown = serializers.SerializerMethodField(help_text="[[epoch_ms, fraction below the peak], ...]")

    class Meta:
        model = Backtest
        fields = (*BacktestShown.Meta.fields, "equity", "drawdown")
        read_only_fields = fields

    @extend_schema_field(serializers.JSONField())
    def get_drawdown(self, backtest: Backtest) -> list[list[Any]]:
        """The curve, made from equity where an older result has none."""
        return selectors.drawdown(backtest)


class BacktestFillShown(Shown):
    """One fill of a backtest; money is in the instrument's quote currency."""

    class Meta:
        model = BacktestFill
        fields = (
            "id", "number", "market_at", "side", "quantity", "price", "fee", "slippage", "realised_pnl", "liquidity",
        )  # fmt: skip
        read_only_fields = fields


class BacktestRunShown(Shown):
    """A backtest that was asked for; `result` names the backtest once its state is `done`."""

    bot = serializers.UUIDField(source="code_version.bot_id")

    class Meta:
        model = BacktestRun
        fields = (
            "id", "bot", "code_version", "parameter_set", "dataset", "seed", "starting_cash", "simulation", "state",
            "progress_percent", "bars_done", "bars_total", "error_code", "error_message", "asked_by", "reason",
            "result", "started_at", "ended_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class SimulationAsked(serializers.Serializer[Any]):
    """What trading costs; what is left out is as in the gates' frozen backtest."""

    half_spread_bps = DecimalString(required=False, help_text="Basis points of price.")
    slippage_bps = DecimalString(required=False, help_text="Basis points of price.")
    maker_fee_bps = DecimalString(required=False, help_text="Basis points of traded value.")
    taker_fee_bps = DecimalString(required=False, help_text="Basis points of traded value.")
    latency_ms = serializers.IntegerField(required=False, min_value=0, max_value=asking.LATENCY_MS_MAX)
    participation_cap = DecimalString(
        required=False, allow_null=True, help_text="Share of a bar's volume, above 0 to 1; null: no cap."
    )
    queue_share = DecimalString(required=False, help_text="Mean volume ahead in the queue, 0 to 1 of a bar's.")
    allow_short = Flag(required=False)


class NewBacktest(Act):
    """A backtest to run."""

    code_version = serializers.UUIDField(help_text="Of the bot that is to be run.")
    parameter_set = serializers.UUIDField(help_text="Of the same bot; else PART_OTHER_BOT.")
    dataset = Reference(help_text="Id or name; of an instrument that the bot trades, in the interval its code reads.")
    seed = serializers.IntegerField(required=False, default=asking.SEED, min_value=0, max_value=asking.SEED_MAX)
    starting_cash = DecimalString(
        required=False, default=Decimal(asking.CASH), help_text="In the quote currency; above zero."
    )
    simulation = SimulationAsked(required=False, default=dict)


class DifferenceShown(serializers.Serializer[Any]):
    """One figure of both; null where it is undefined."""

    name = serializers.CharField()
    first = DecimalString(allow_null=True)
    second = DecimalString(allow_null=True)
    change = DecimalString(allow_null=True, help_text="The second less the first.")


class Comparison(serializers.Serializer[Any]):
    """Two backtests side by side."""

    first = BacktestWithEquity()
    second = BacktestWithEquity()
    unequal_inputs = serializers.ListField(
        child=serializers.CharField(), help_text="What of code, parameters, dataset, seed, costs and cash differs."
    )
    differences = DifferenceShown(many=True)
