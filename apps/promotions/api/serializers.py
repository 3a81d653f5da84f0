"""Shapes of promotions and policies."""

from rest_framework import serializers

from apps.bots.states import Environment, Stage
from apps.common.api.fields import DecimalString, Reference, Text
from apps.common.api.serializers import Shown
from apps.promotions.models import Policy, Promotion


class PolicyShown(Shown):
    """Which gates and approval slots a stage needs; the newest version is in force."""

    gates = serializers.ListField(child=serializers.CharField())
    slots = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Policy
        fields = ("id", "stage", "environment", "version", "gates", "slots", "created_at")
        read_only_fields = fields


class PromotionShown(Shown):
    """The wish to run a release at a stage, and what became of it."""

    bot_name = serializers.CharField(source="bot.name")
    account_name = serializers.CharField(source="account.name")
    build_id = serializers.CharField(source="release.build_id")
    bound = serializers.JSONField(help_text="Exactly what the digest covers and the voters see.")

    class Meta:
        model = Promotion
        fields = (
            "id", "number", "bot", "bot_name", "release", "build_id", "account", "account_name", "stage",
            "environment", "capital", "policy", "digest", "bound", "consent", "requested_by", "reason", "state",
            "outcome", "expires_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewPromotion(serializers.Serializer):
    """A promotion to ask for."""

    release = serializers.UUIDField(help_text="Id of the release.")
    account = Reference(help_text="Id or name of the account it shall trade on.")
    stage = serializers.ChoiceField(Stage.choices)
    environment = serializers.ChoiceField(Environment.choices)
    capital = DecimalString(is_positive=True, help_text="In the account's currency.")
    reason = Text(max_length=2000, help_text="Why now; the voters read it.")
