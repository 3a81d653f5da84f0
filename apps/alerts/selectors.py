"""Reads of alerts."""

from datetime import datetime

from django.db.models import Case, Q, QuerySet, Value, When

from apps.access.models import User
from apps.access.selectors import within
from apps.alerts.models import Alert
from apps.alerts.states import AlertState, Tier

URGENCY = Case(When(tier=Tier.CRITICAL, then=Value(0)), When(tier=Tier.HIGH, then=Value(1)), default=Value(2))


def visible(user: User) -> QuerySet[Alert]:
    """Alerts on scopes that `user` may see, newest first."""
    return within(Alert.objects.select_related("scope"), user, "scope").order_by("-id")


def standing(user: User) -> QuerySet[Alert]:
    """Visible alerts that nobody has resolved, most urgent first, then newest."""
    return visible(user).exclude(state=AlertState.RESOLVED).order_by(URGENCY, "-id")


def was_raised(dedup_key: str, tier: str, *, since: datetime) -> bool:
    """Whether an alert of the tier stands under the key, or was raised at or after a wall time and resolved."""
    raised = Alert.objects.filter(dedup_key=dedup_key, tier=tier)
    return raised.filter(Q(created_at__gte=since) | ~Q(state=AlertState.RESOLVED)).exists()


def is_standing(dedup_key: str) -> bool:
    """Whether an unresolved alert stands under the key."""
    return Alert.objects.filter(dedup_key=dedup_key).exclude(state=AlertState.RESOLVED).exists()
