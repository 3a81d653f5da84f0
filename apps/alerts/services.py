"""Raising, acknowledging and resolving alerts."""

from typing import Any

from django.db import models
from django.db.models import F

from apps.access.models import Scope, User
from apps.alerts.models import Alert
from apps.alerts.states import ALERT_TRANSITIONS, AlertState
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import states
from apps.common.errors import NotFound
from apps.common.nudges import hint


def raise_alert(
    *,
    tier: str,
    code: str,
    title: str,
    scope: Scope,
    dedup_key: str,
    actor: User | str,
    reason: str,
    target: models.Model | None = None,
    detail: dict[str, Any] | None = None,
) -> Alert:
    """The one unresolved alert under `dedup_key`: made now, or counted once more where it stands.

    Safe against two callers at once: the database lets one insert and the other counts.
    """
    alert = Alert(
        tier=tier,
        code=code,
        title=title,
        scope=scope,
        object_kind=target._meta.label_lower if target is not None else "",
        object_id=target.pk if target is not None else None,
        detail=detail or {},
        dedup_key=dedup_key,
    )
    with acting(actor, reason):
        standing = _insert_or_count(alert)
        if standing.pk == alert.pk:
            audit.record("alert.raised", alert, scope_id=scope.pk, after={"tier": tier, "code": code})
        hint("alerts")
    return standing


def _insert_or_count(alert: Alert) -> Alert:
    """Insert; where the key is taken, count instead; insert again when it was resolved in between."""
    while True:
        Alert.objects.bulk_create([alert], ignore_conflicts=True)
        if Alert.objects.filter(pk=alert.pk).exists():
            return alert
        standing = _unresolved(alert.dedup_key).select_for_update().first()
        if standing is not None:
            Alert.objects.filter(pk=standing.pk).update(repeats=F("repeats") + 1)
            standing.refresh_from_db()
            return standing


def _unresolved(dedup_key: str) -> models.QuerySet[Alert]:
    return Alert.objects.filter(dedup_key=dedup_key).exclude(state=AlertState.RESOLVED)


def acknowledge(*, alert: Alert, actor: User | str, reason: str) -> Alert:
    """Somebody has seen it and works on it; the alert stays. Raises Refused STATE_CONFLICT."""
    return _move(alert, AlertState.ACKNOWLEDGED, "alert.acknowledged", actor, reason)


def resolve(*, alert: Alert, actor: User | str, reason: str) -> Alert:
    """What it was about is over; the same key may raise a new alert. Raises Refused STATE_CONFLICT."""
    return _move(alert, AlertState.RESOLVED, "alert.resolved", actor, reason)


def clear(*, dedup_key: str, actor: User | str, reason: str) -> Alert | None:
    """Resolve the alert that stands under `dedup_key`, where there is one."""
    with acting(actor, reason):
        standing = _unresolved(dedup_key).select_for_update().first()
        return None if standing is None else resolve(alert=standing, actor=actor, reason=reason)


def _move(alert: Alert, state: AlertState, act: str, actor: User | str, reason: str) -> Alert:
    with acting(actor, reason):
        fresh = Alert.objects.select_for_update().filter(pk=alert.pk).first()
        if fresh is None:
            raise NotFound("ALERT_UNKNOWN", "there is no such alert")
        before = fresh.state
        states.move(fresh, state, ALERT_TRANSITIONS)
        audit.record(act, fresh, scope_id=fresh.scope_id, before={"state": before}, after={"state": state})
        hint("alerts")
    return fresh
