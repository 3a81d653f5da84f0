"""Shapes of declarations: what is sent, what a plan says, what was applied, what has drifted."""

from rest_framework import serializers

from apps.common import located
from apps.common.api.fields import Flag, Text
from apps.common.api.serializers import Shown
from apps.promotions.declarations.rules import Action
from apps.promotions.declarations.rules.directions import NEUTRAL, TIGHTENS, WIDENS
from apps.promotions.models import Declaration

DIRECTIONS = (WIDENS, TIGHTENS, NEUTRAL)


class DeclarationText(serializers.Serializer):
    """A declaration to check, as JSON around its text; as `text/yaml` the body is the text itself."""

    text = Text(max_length=located.BYTES_MAX, trim_whitespace=False, help_text="The YAML document.")


class DeclarationAsked(DeclarationText):
    """A declaration to apply as it was planned; with `text/yaml`, digest and reason stand in the query."""

    digest = serializers.RegexField(
        r"^[0-9a-f]{64}$", help_text="Of the plan; when it is not that any more: PLAN_STALE."
    )
    reason = Text(max_length=2000, help_text="Why; required; goes into the audit record.")


class FindingShown(serializers.Serializer):
    """Something wrong or doubtful in a declaration, and what to do about it."""

    code = serializers.CharField()
    problem = serializers.CharField()
    fix = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    path = serializers.CharField()
    severity = serializers.ChoiceField((located.ERROR, located.WARNING))


class PlanLineShown(serializers.Serializer):
    """One change that applying would make."""

    path = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    direction = serializers.ChoiceField(DIRECTIONS)
    action = serializers.ChoiceField([action.value for action in Action], help_text="What apply does about it.")
    why = serializers.CharField()
    line = serializers.IntegerField()


class DemandShown(serializers.Serializer):
    """A line that keeps the caller from applying the plan."""

    path = serializers.CharField()
    line = serializers.IntegerField()
    code = serializers.CharField()
    fix = serializers.CharField()


class VerdictShown(serializers.Serializer):
    """A declaration without errors, with what is doubtful in it."""

    valid = Flag()
    warnings = FindingShown(many=True)


class PlanShown(serializers.Serializer):
    """What applying would do, every widened limit first; nothing of it is stored."""

    digest = serializers.CharField(help_text="Binds apply to this declaration and to the state that was seen.")
    is_empty = Flag(help_text="Nothing would change; raises may wait for people.")
    lines = PlanLineShown(many=True)
    warnings = FindingShown(many=True)
    demands = DemandShown(many=True, help_text="Why the caller could not apply it; empty: they could.")


class DeclarationShown(Shown):
    """A declaration as it was applied, and what came of it."""

    applied_by_name = serializers.CharField(source="applied_by.display_name")
    lines = PlanLineShown(many=True)
    raises = serializers.ListField(child=serializers.UUIDField(), help_text="Limit raises that wait for consent.")

    class Meta:
        model = Declaration
        fields = (
            "id", "number", "digest", "plan_digest", "lines", "raises", "config_bundle", "parameter_set",
            "code_version", "release", "applied_by", "applied_by_name", "reason", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class DeclarationWithText(DeclarationShown):
    """The same with the text that was sent."""

    class Meta:
        model = Declaration
        fields: tuple[str, ...] = (*DeclarationShown.Meta.fields, "text")
        read_only_fields = fields


class DriftShown(serializers.Serializer):
    """Something that is not as it was declared, and who made it so where that is known."""

    path = serializers.CharField()
    declared = serializers.JSONField(allow_null=True)
    actual = serializers.JSONField(allow_null=True)
    direction = serializers.ChoiceField(DIRECTIONS, help_text="Of what is, against what was declared.")
    is_waiting = Flag(help_text="A raise was asked for and waits for people.")
    by = serializers.CharField(source="record.actor", default=None, allow_null=True)
    at = serializers.DateTimeField(source="record.created_at", default=None, allow_null=True)
    reason = serializers.CharField(source="record.reason", default=None, allow_null=True)


class StandingShown(serializers.Serializer):
    """What was declared last, what is not so any more, and what stands now as a declaration."""

    declaration = DeclarationWithText(allow_null=True, help_text="Null: nothing was ever declared.")
    drift = DriftShown(many=True)
    export = serializers.CharField(help_text="YAML; its plan is empty.")


class SchemaShown(serializers.Serializer):
    """A published JSON Schema."""

    name = serializers.CharField()
    id = serializers.CharField()
    title = serializers.CharField()
