"""What the runtime reports: backtests and the sandbox probe of each worker."""

from django.db import models

from apps.audit.models import AppendOnlyModel
from apps.bots.models import CodeVersion, ParameterSet
from apps.common.models import OperationalModel
from apps.markets.models import Dataset


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


class WorkerReport(OperationalModel):
    """What the sandbox probe found on a worker host; a failed probe refuses live deployments there."""

    rebuilt_from = "the probe that every worker runs when it starts"

    worker = models.TextField(unique=True)
    has_passed = models.BooleanField()
    leaks = models.JSONField(default=list)
    capabilities = models.JSONField(default=dict)
    reported_at = models.DateTimeField()
