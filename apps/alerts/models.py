"""Alerts that somebody must look at."""

from django.db import models
from django.db.models import Q

from apps.access.models import Scope
from apps.alerts.states import AlertState, Tier
from apps.audit.models import HistoryModel


class Alert(HistoryModel):
    """Something happened that a person must know; one open alert per de-duplication key."""

    tier = models.TextField(choices=Tier.choices)
    code = models.TextField(help_text="Stable, e.g. `RECONCILIATION_BREAK`.")
    title = models.TextField()
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="alerts")
    object_kind = models.TextField(default="", blank=True)
    object_id = models.UUIDField(null=True)
    detail = models.JSONField(default=dict)
    dedup_key = models.TextField()
    repeats = models.PositiveIntegerField(default=0, help_text="How often it was raised again while open.")
    state = models.TextField(choices=AlertState.choices, default=AlertState.OPEN)

    class Meta(HistoryModel.Meta):
        indexes = [models.Index(fields=["state", "-id"], name="alert_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["dedup_key"], condition=~Q(state=AlertState.RESOLVED), name="one_open_alert_per_key"
            )
        ]
