"""What the runtime reports: backtests, those asked for, and the sandbox probe of each worker."""

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.bots.models import CodeVersion, ParameterSet
from apps.common.models import Claimable, ExactDecimalField, OperationalModel
from apps.markets.models import Dataset
from apps.runtime.states import BacktestState


class Backtest(AppendOnlyModel):
    """The result of running a build over a frozen dataset in the sandbox."""

    code_version = models.ForeignKey(CodeVersion, on_delete=models.PROTECT)
    parameter_set = models.ForeignKey(ParameterSet, on_delete=models.PROTECT)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT)
    seed = models.BigIntegerField()
    intents_hash = models.CharField(max_length=64, help_text="SHA-256 over the ordered intents and fills.")
    metrics = models.JSONField(help_text="Decimal strings by name.")
    equity = models.JSONField(help_text="[[epoch_ms, equity], ...], thinned to at most 500 points.")
    duration_ms = models.PositiveIntegerField()
    orders_hash = models.CharField(max_length=64, default="", db_default="", help_text="SHA-256 over the intents.")
    simulation = models.JSONField(null=True, help_text="What trading cost, as SimConfig writes it.")
    starting_cash = ExactDecimalField(null=True)
    bars = models.PositiveIntegerField(null=True)
    drawdown = models.JSONField(null=True, help_text="[[epoch_ms, fraction below the peak], ...], at most 500 points.")
    fills_left_out = models.PositiveIntegerField(null=True, help_text="Of its fills those that are not kept.")


class BacktestFill(AppendOnlyModel):
    """One fill of a backtest; of a run with very many the first ones are kept."""

    backtest = models.ForeignKey(Backtest, on_delete=models.PROTECT, related_name="fills")
    number = models.PositiveIntegerField(help_text="From 1, in the order of the market.")
    market_at = models.DateTimeField(help_text="Market time: the end of the bar on which it traded.")
    side = models.TextField()
    quantity = ExactDecimalField()
    price = ExactDecimalField()
    fee = ExactDecimalField()
    slippage = ExactDecimalField(help_text="What it cost against the close of the bar it was decided on; money.")
    realised_pnl = ExactDecimalField(help_text="Before fees.")
    liquidity = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["backtest", "number"], name="one_backtest_fill_per_number")]


class BacktestRun(HistoryModel, Claimable):
    """A backtest that somebody asked for: what is run, how far it is, and what it came to."""

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts", "progress_percent", "bars_done")

    code_version = models.ForeignKey(CodeVersion, on_delete=models.PROTECT, related_name="backtest_runs")
    parameter_set = models.ForeignKey(ParameterSet, on_delete=models.PROTECT, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="backtest_runs")
    seed = models.BigIntegerField()
    simulation = models.JSONField(help_text="What trading costs, as SimConfig writes it.")
    starting_cash = ExactDecimalField()
    state = models.TextField(choices=BacktestState.choices, default=BacktestState.QUEUED)
    progress_percent = models.PositiveSmallIntegerField(default=0)
    bars_done = models.PositiveIntegerField(default=0)
    bars_total = models.PositiveIntegerField()
    error_code = models.TextField(default="", blank=True)
    error_message = models.TextField(default="", blank=True)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(default="", blank=True)
    result = models.OneToOneField(Backtest, null=True, on_delete=models.PROTECT, related_name="run")
    started_at = models.DateTimeField(null=True, help_text="Wall time at which a worker began it last.")
    ended_at = models.DateTimeField(null=True)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(starting_cash__gt=0), name="backtest_cash_positive"),
            models.CheckConstraint(
                condition=Q(state=BacktestState.DONE, result__isnull=False)
                | (~Q(state=BacktestState.DONE) & Q(result__isnull=True)),
                name="backtest_done_has_its_result",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code_version.bot.name} {self.code_version.version} over {self.dataset.name}"


class WorkerReport(OperationalModel):
    """What the sandbox probe found on a worker host; a failed probe refuses live deployments there."""

    rebuilt_from = "the probe that every worker runs when it starts"

    worker = models.TextField(unique=True)
    has_passed = models.BooleanField()
    leaks = models.JSONField(default=list)
    capabilities = models.JSONField(default=dict)
    reported_at = models.DateTimeField()
