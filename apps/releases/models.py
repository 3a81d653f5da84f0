"""Releases and the gates that were run on them."""

from django.db import models

from apps.access.models import Consent, User
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet
from apps.common.models import Claimable
from apps.markets.models import Dataset
from apps.releases.states import GateKind, GateState, Reporter
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


class GateDefinition(AppendOnlyModel):
    """What a kind of gate is measured against from now on; the newest version of a kind is in force."""

    kind = models.TextField(choices=GateKind.choices)
    version = models.PositiveIntegerField()
    thresholds = models.JSONField(help_text="By the schema of its kind; decimals as strings.")
    valid_for_h = models.PositiveIntegerField(help_text="Hours for which a pass is good.")
    reporter = models.TextField(choices=Reporter.choices)
    set_by = models.TextField(help_text="Actor.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "version"], name="gate_definition_version_once"),
            models.CheckConstraint(condition=models.Q(valid_for_h__gt=0), name="gate_definition_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.version}"


class Gate(HistoryModel, Claimable):
    """One check of one release: its figures, thresholds and evidence."""

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts", "progress_percent")

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="gates")
    kind = models.TextField(choices=GateKind.choices)
    definition = models.ForeignKey(
        GateDefinition, null=True, on_delete=models.PROTECT, related_name="gates", help_text="What it is judged by."
    )
    compared_with = models.ForeignKey(
        Release, null=True, on_delete=models.PROTECT, related_name="+", help_text="The release that it would replace."
    )
    state = models.TextField(choices=GateState.choices, default=GateState.PENDING)
    progress_percent = models.PositiveSmallIntegerField(default=0)
    figures = models.JSONField(default=dict, help_text="What was measured; decimals as strings.")
    thresholds = models.JSONField(default=dict, help_text="What it was measured against.")
    message = models.TextField(default="", blank=True)
    backtest = models.ForeignKey(Backtest, null=True, on_delete=models.PROTECT)
    evidence_digest = models.CharField(max_length=64, default="", blank=True)
    report = models.JSONField(null=True, help_text="Who reported it: by, tool, uri and digest of its evidence.")
    decided_at = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True, help_text="A pass is no permission after this.")

    class Meta(HistoryModel.Meta):
        constraints = [models.UniqueConstraint(fields=["release", "kind"], name="one_gate_per_kind")]

    @property
    def is_due_here(self) -> bool:
        """Whether the gates worker runs it; the others wait for whoever reports them."""
        return self.definition is not None and self.definition.reporter == Reporter.WORKER


class GateWaiver(HistoryModel):
    """A gate that did not pass and that a second person may let through; bound to what it found."""

    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="waivers")
    definition = models.ForeignKey(GateDefinition, on_delete=models.PROTECT, related_name="+")
    evidence_digest = models.CharField(max_length=64)
    until = models.DateTimeField(help_text="It opens nothing after this.")
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="+")


class Baseline(AppendOnlyModel):
    """A backtest that somebody accepted as what later ones of the bot are compared with; the newest counts."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="baselines")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+")
    backtest = models.ForeignKey(Backtest, on_delete=models.PROTECT, related_name="+")
    simulator = models.CharField(max_length=64, help_text="Digest of the simulator's settings, seed and cash.")
    accepted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
