"""Shapes of sources, their messages, and the answer to one."""

from rest_framework import serializers

from apps.common.api.fields import Flag, Reference, Text
from apps.common.api.serializers import ReasonedAct, Shown
from apps.execution.signals.models import Signal, SignalSource
from apps.execution.signals.services.sources import RATE_MAX
from apps.execution.signals.states import Outcome, SourceMode


class SourceShown(Shown):
    """A source of signals, without its keys; vote with the digest of its consent."""

    bot = serializers.UUIDField(source="deployment.bot_id")
    is_weak = Flag(help_text="Its secret travels in the body: whoever reads one message can write others.")
    digest = serializers.CharField(source="consent.digest", default=None, allow_null=True)
    consent_state = serializers.CharField(source="consent.state", default=None, allow_null=True)
    allow_list = serializers.ListField(child=serializers.CharField(), help_text="Networks that it may call from.")
    envelope = serializers.DictField(child=serializers.CharField(), help_text="Pointers to secret, timestamp, id.")
    body_schema = serializers.DictField(help_text="JSON Schema (2020-12) of its bodies.")
    mapping = serializers.DictField(help_text="From a body to an order's fields.")

    class Meta:
        model = SignalSource
        fields = (
            "id", "name", "deployment", "bot", "acts_as", "mode", "is_weak", "envelope", "body_schema", "mapping",
            "allow_list", "messages_per_minute", "made_by", "is_active", "consent", "consent_state", "digest",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewSource(ReasonedAct):
    """A source to make; it starts inactive."""

    name = serializers.RegexField(r"^[a-z0-9][a-z0-9-]{0,59}$", help_text="The last part of its address; unique.")
    deployment = serializers.UUIDField(help_text="Id of the deployment whose orders its messages become.")
    acts_as = Reference(help_text="Id or sign-in name of a service account that may trade for the bot.")
    mode = serializers.ChoiceField(SourceMode.choices, help_text="body_secret is weaker and needs an allow-list.")
    body_schema = serializers.DictField(help_text="JSON Schema (2020-12) of its bodies: an object.")
    mapping = serializers.DictField(
        help_text='Each field of the order: {"value": "BUY"}, or {"at": "/side", "values": {"long": "BUY"}}.'
    )
    envelope = serializers.DictField(
        child=Text(max_length=200),
        required=False,
        default=dict,
        help_text="Of body_secret: JSON pointers to `secret`, `timestamp` and, where there is one, `id`.",
    )
    allow_list = serializers.ListField(
        child=Text(max_length=50),
        required=False,
        default=list,
        max_length=50,
        help_text="Networks (CIDR) that it may call from; required of body_secret.",
    )
    messages_per_minute = serializers.IntegerField(min_value=1, max_value=RATE_MAX)


class SignalShown(Shown):
    """A verified message and what became of it."""

    codes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Signal
        fields = (
            "id", "webhook_id", "received_at", "body_digest", "body", "outcome", "codes", "detail", "order",
        )  # fmt: skip
        read_only_fields = fields


class SignalAnswer(serializers.Serializer):
    """What the sender is told."""

    id = serializers.UUIDField(help_text="Our id of the message.")
    outcome = serializers.ChoiceField(
        Outcome.choices,
        help_text="PLACED: an order is on its way; DENIED: a check refused it; REFUSED: there is none; MALFORMED: 422.",
    )
    codes = serializers.ListField(child=serializers.CharField(), help_text="Why it was denied or refused.")
    order = serializers.UUIDField(source="order_id", allow_null=True, help_text="Id of the order.")
