"""Shapes of reconciliation runs and breaks."""

from rest_framework import serializers

from apps.common.api.fields import Reference
from apps.common.api.serializers import Act, Shown
from apps.reconciliation.models import Break, ReconciliationRun


class RunShown(Shown):
    """One comparison of our record of an account with the venue's."""

    account_name = serializers.CharField(source="account.name")

    class Meta:
        model = ReconciliationRun
        fields = (
            "id", "account", "account_name", "trigger", "state", "orders_compared", "fills_compared",
            "positions_compared", "breaks_found", "duration_ms", "finished_at", "message", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewRun(Act):
    """A run to ask for."""

    account = Reference(help_text="Id or name of the account.")


class BreakShown(Shown):
    """A disagreement between the two books, both sides kept."""

    account_name = serializers.CharField(source="account.name")

    class Meta:
        model = Break
        fields = (
            "id", "account", "account_name", "first_run", "last_run", "kind", "severity", "key", "ours", "theirs",
            "owner", "state", "resolution", "resolved_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields
