"""Shapes of deployments and their log."""

from rest_framework import serializers

from apps.common.api.serializers import Shown
from apps.deployments.models import Deployment, DeploymentEvent


class DeploymentShown(Shown):
    """What should run, and what was seen to run."""

    bot_name = serializers.CharField(source="bot.name")
    account_name = serializers.CharField(source="account.name")
    symbol = serializers.CharField(source="instrument.symbol")
    build_id = serializers.CharField(source="release.build_id")

    class Meta:
        model = Deployment
        fields = (
            "id", "bot", "bot_name", "account", "account_name", "environment", "mode", "stage", "capital", "release",
            "build_id", "promotion", "feed", "instrument", "symbol", "limits", "desired", "observed",
            "observed_reason", "epoch", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class DeploymentEventShown(Shown):
    """One line of the immutable log."""

    class Meta:
        model = DeploymentEvent
        fields = ("id", "sequence", "kind", "actor", "reason", "epoch", "build_id", "detail", "created_at")
        read_only_fields = fields
