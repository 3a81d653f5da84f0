"""Bases of serializers: what is shown is read-only, what is asked for carries a reason."""

from rest_framework import serializers

from apps.common.api.fields import DecimalString, Flag, Text
from apps.common.models import ExactDecimalField


class Shown(serializers.ModelSerializer):
    """A read-only picture of a model; exact decimals are normalised strings."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        ExactDecimalField: DecimalString,
    }


class Act(serializers.Serializer):
    """The body of an unsafe call: why it is made is optional."""

    reason = Text(
        required=False,
        default="",
        allow_blank=True,
        max_length=2000,
        help_text="Why; goes into the audit record.",
    )


class ReasonedAct(serializers.Serializer):
    """The body of an unsafe call that needs a reason."""

    reason = Text(max_length=2000, help_text="Why; required; goes into the audit record.")


class Ballot(ReasonedAct):
    """A vote: yes or no to exactly what the voter saw."""

    approve = Flag(help_text="true approves, false denies and ends the request.")
    digest = serializers.RegexField(
        r"^[0-9a-f]{64}$", help_text="The digest of what you saw; another one is refused with DIGEST_CHANGED."
    )
