"""Shapes of releases and gates."""

from rest_framework import serializers

from apps.common.api.fields import Reference
from apps.common.api.serializers import Act, Shown
from apps.releases.models import Gate, Release
from apps.releases.states import GateKind


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
    """One check of one release with what it measured."""

    class Meta:
        model = Gate
        fields = (
            "id", "release", "kind", "state", "progress_percent", "figures", "thresholds", "message", "backtest",
            "evidence_digest", "decided_at", "valid_until", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class GatesAsked(Act):
    """Gates to run on a release."""

    kinds = serializers.ListField(
        child=serializers.ChoiceField(GateKind.choices), allow_empty=False, max_length=len(GateKind)
    )
