"""Releases and the gates that were run on them."""

from django.db import models

from apps.access.models import User
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet
from apps.common.models import Claimable
from apps.releases.states import GateKind, GateState
from apps.runtime.models import Backtest


class Release(AppendOnlyModel):
    """A triple of code, configuration and parameters with one reproducible build id."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField()
    code_version = models.ForeignKey(CodeVersion, on_delete=models.PROTECT)
    config_bundle = models.ForeignKey(ConfigBundle, on_delete=models.PROTECT)
    parameter_set = models.ForeignKey(ParameterSet, on_delete=models.PROTECT)
    data_model_version = models.PositiveIntegerField()
    build_id = models.CharField(max_length=64)
    previous = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="successors")
    made_by = models.ForeignKey(User, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "build_id"], name="release_same_triple_once"),
            models.UniqueConstraint(fields=["bot", "number"], name="release_numbered_per_bot"),
        ]

    def __str__(self) -> str:
        return f"{self.bot} {self.code_version.version}"


class Gate(HistoryModel, Claimable):
    """One check of one release: its figures, thresholds and evidence."""

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts", "progress_percent")

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="gates")
    kind = models.TextField(choices=GateKind.choices)
    state = models.TextField(choices=GateState.choices, default=GateState.PENDING)
    progress_percent = models.PositiveSmallIntegerField(default=0)
    figures = models.JSONField(default=dict, help_text="What was measured; decimals as strings.")
    thresholds = models.JSONField(default=dict, help_text="What it was measured against.")
    message = models.TextField(default="", blank=True)
    backtest = models.ForeignKey(Backtest, null=True, on_delete=models.PROTECT)
    evidence_digest = models.CharField(max_length=64, default="", blank=True)
    decided_at = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True, help_text="A pass is no permission after this.")

    class Meta(HistoryModel.Meta):
        constraints = [models.UniqueConstraint(fields=["release", "kind"], name="one_gate_per_kind")]
