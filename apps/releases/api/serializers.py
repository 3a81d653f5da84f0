"""Shapes of releases and gates."""

from rest_framework import serializers

from apps.common.api.fields import Reference, Text
from apps.common.api.serializers import Act, ReasonedAct, Shown
from apps.releases.models import Baseline, Gate, GateDefinition, GateWaiver, Release
from apps.releases.services.definitions import VALID_FOR_H_MAX
from apps.releases.services.waivers import HOURS_MAX
from apps.releases.states import GateKind, Reporter


class ReleaseShown(Shown):
    """A triple of code, configuration and parameters with one build id."""

    version = serializers.CharField(source="code_version.version")

    class Meta:
        model = Release
        fields = (
            "id", "bot", "number", "version", "code_version", "config_bundle", "parameter_set",
            "data_model_version", "build_id", "previous", "made_by", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewRelease(Act):
    """A release to make."""

    bot = Reference(help_text="Id or name of the bot.")
    code_version = serializers.UUIDField(help_text="Of this bot; else PART_OTHER_BOT.")
    config_bundle = serializers.UUIDField(help_text="Of this bot; else PART_OTHER_BOT.")
    parameter_set = serializers.UUIDField(help_text="Of this bot; one that does not fit the code: PARAMETERS_SCHEMA.")


class GateShown(Shown):
    """One check of one release with what it measured, and the version of the definition that judged it."""

    definition_version = serializers.IntegerField(source="definition.version", allow_null=True)
    reporter = serializers.ChoiceField(Reporter.choices, source="definition.reporter", allow_null=True)
    report = serializers.JSONField(allow_null=True, help_text="Who reported it: by, tool, uri and sha256 of evidence.")

    class Meta:
        model = Gate
        fields = (
            "id", "release", "kind", "state", "progress_percent", "figures", "thresholds", "message", "backtest",
            "definition", "definition_version", "reporter", "compared_with", "report", "evidence_digest",
            "decided_at", "valid_until", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class GatesAsked(Act):
    """Gates to run on a release."""

    kinds = serializers.ListField(
        child=serializers.ChoiceField(GateKind.choices), allow_empty=False, max_length=len(GateKind)
    )


class GateReported(Act):
    """What CI has measured; the thresholds of the gate's definition judge it, not the caller."""

    figures = serializers.JSONField(
        required=False, default=None, help_text="By the schema of the gate's kind (GATE_FIGURES); or `error`."
    )
    error = Text(
        required=False, default="", allow_blank=True, max_length=2000, help_text="Why nothing was measured: an ERROR."
    )
    tool = Text(max_length=100, help_text="What measured it, with its version.")
    uri = serializers.RegexField(
        r"^https?://[^\s\x00]{1,1900}$",
        required=False,
        default="",
        allow_blank=True,
        help_text="Where the evidence lies.",
    )
    evidence_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="Of the evidence, such as the test report.")


class GateDefinitionShown(Shown):
    """What a kind of gate is measured against; the newest version is in force."""

    thresholds = serializers.JSONField(help_text="By the schema of the kind; `x_max` and `x_min` bound the figure `x`.")

    class Meta:
        model = GateDefinition
        fields = ("id", "kind", "version", "thresholds", "valid_for_h", "reporter", "set_by", "created_at")
        read_only_fields = fields


class NewGateDefinition(ReasonedAct):
    """The next version of what a kind is measured against."""

    kind = serializers.ChoiceField(GateKind.choices)
    thresholds = serializers.JSONField(help_text="By the schema of the kind (GATE_THRESHOLDS); decimals as strings.")
    valid_for_h = serializers.IntegerField(
        min_value=1, max_value=VALID_FOR_H_MAX, help_text="Hours a pass is good for."
    )
    reporter = serializers.ChoiceField(Reporter.choices, help_text="One that the kind takes (GATE_REPORTER).")


class GateWaiverShown(Shown):
    """A gate that a second person may let through; bound to what it found. Vote with the digest of its consent."""

    release = serializers.UUIDField(source="gate.release_id")
    kind = serializers.CharField(source="gate.kind")
    asked_by = serializers.UUIDField(source="consent.requested_by_id")
    reason = serializers.CharField(source="consent.reason")
    digest = serializers.CharField(source="consent.digest")
    vote_state = serializers.CharField(source="consent.state")
    vote_until = serializers.DateTimeField(source="consent.expires_at")

    class Meta:
        model = GateWaiver
        fields = (
            "id", "gate", "release", "kind", "definition", "evidence_digest", "until", "asked_by", "reason", "consent",
            "digest", "vote_state", "vote_until", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class WaiverAsked(ReasonedAct):
    """A waiver to ask for."""

    hours = serializers.IntegerField(min_value=1, max_value=HOURS_MAX, help_text="For how long from now.")


class BaselineShown(Shown):
    """A run that later backtests of the bot on the dataset are compared with; the newest counts."""

    class Meta:
        model = Baseline
        fields = ("id", "bot", "dataset", "backtest", "simulator", "accepted_by", "reason", "created_at")
        read_only_fields = fields


class NewBaseline(ReasonedAct):
    """A run to accept as baseline."""

    gate = serializers.UUIDField(help_text="The backtest gate whose run it is.")
