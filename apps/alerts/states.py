"""Tiers and states of an alert."""

from django.db.models import TextChoices


class Tier(TextChoices):
    """How urgent an alert is."""

    CRITICAL = "critical"
    HIGH = "high"
    INFO = "informational"


class AlertState(TextChoices):
    """Acknowledged is not contained: only resolution closes an alert."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


ALERT_TRANSITIONS = {
    AlertState.OPEN: frozenset({AlertState.ACKNOWLEDGED, AlertState.RESOLVED}),
    AlertState.ACKNOWLEDGED: frozenset({AlertState.RESOLVED}),
}
