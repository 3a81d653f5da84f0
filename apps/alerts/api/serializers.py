"""Shapes of alerts."""

from apps.alerts.models import Alert
from apps.common.api.serializers import Shown


class AlertShown(Shown):
    """Something that a person must know."""

    class Meta:
        model = Alert
        fields = (
            "id", "tier", "code", "title", "scope", "object_kind", "object_id", "detail", "repeats", "state",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields
