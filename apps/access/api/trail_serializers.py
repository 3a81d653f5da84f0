"""Shapes of audit records and history."""

from typing import Any

from rest_framework import serializers

from apps.audit.models import Record
from apps.common.api.serializers import Shown

HISTORY_FIELDS = {
    "history_id", "history_date", "history_type", "history_user_id", "history_change_reason", "request_id",
}  # fmt: skip
CHANGES = {"+": "created", "~": "changed", "-": "deleted"}


class RecordShown(Shown):
    """One act by somebody on something."""

    class Meta:
        model = Record
        fields = (
            "id", "act", "actor", "reason", "object_kind", "object_id", "scope_id", "before", "after", "request_id",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class HistoryShown(serializers.Serializer):
    """One row of an object's history: the object as it was after the change."""

    id = serializers.UUIDField(source="history_id")
    at = serializers.DateTimeField(source="history_date")
    change = serializers.SerializerMethodField(help_text="created, changed or deleted.")
    actor = serializers.CharField(source="history_user_id")
    reason = serializers.CharField(source="history_change_reason")
    request_id = serializers.CharField()
    values = serializers.SerializerMethodField(help_text="The kept columns as text.")

    def get_change(self, row: Any) -> str:
        """The change as a word."""
        return CHANGES[row.history_type]

    def get_values(self, row: Any) -> dict[str, str | None]:
        """Column -> value as text; None stays None."""
        names = [field.attname for field in row._meta.concrete_fields if field.attname not in HISTORY_FIELDS]
        return {name: None if getattr(row, name) is None else str(getattr(row, name)) for name in names}
