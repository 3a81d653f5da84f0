"""Shapes of backtests."""

from rest_framework import serializers

from apps.common.api.serializers import Shown
from apps.runtime.models import Backtest


class BacktestShown(Shown):
    """The result of running a build over a frozen dataset."""

    bot = serializers.UUIDField(source="code_version.bot_id")

    class Meta:
        model = Backtest
        fields = (
            "id", "bot", "code_version", "parameter_set", "dataset", "seed", "intents_hash", "metrics", "duration_ms",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class BacktestWithEquity(BacktestShown):
    """One backtest with its equity curve."""

    class Meta:
        model = Backtest
        fields = (*BacktestShown.Meta.fields, "equity")
        read_only_fields = fields
