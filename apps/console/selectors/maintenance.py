"""Announced maintenance of venues, for the markets page, the fleet and the export."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access.models import Scope, User
from apps.access.states import ScopeKind
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.markets import selectors as markets
from apps.markets.models import MaintenanceWindow

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    from apps.markets.selectors import Said

SHOWN_MAX = 100


@dataclass(frozen=True, slots=True)
class WindowView:
    """A window that runs or is ahead."""

    row: "WithAnnotations[MaintenanceWindow, Said]"
    runs: bool


def windows(user: User) -> "QuerySet[WithAnnotations[MaintenanceWindow, Said]]":
    """All windows, over and cancelled ones too, for whoever may view anything; newest first."""
    rows = markets.maintenance().order_by("-starts_at", "-pk")
    return rows if access.visible_scope_ids(user) else rows.none()


def upcoming(user: User) -> list[WindowView]:
    """What runs and what is ahead, soonest first."""
    now = wall_now()
    rows = windows(user).filter(cancelled_at__isnull=True, ends_at__gt=now).order_by("starts_at", "pk")
    return [WindowView(row, row.starts_at <= now) for row in rows[:SHOWN_MAX]]


def venues(user: User) -> list[Scope]:
    """The venues of which maintenance can be announced."""
    rows = Scope.objects.filter(kind=ScopeKind.VENUE).order_by("name")
    return list(rows) if access.visible_scope_ids(user) else []


def until(deployments: Iterable[Deployment], running: Iterable[MaintenanceWindow]) -> datetime | None:
    """Until when announced maintenance keeps any of these from opening; None: nothing does."""
    found = [
        window.ends_at
        for window in running
        for deployment in deployments
        if window.scope_id == deployment.account.venue.scope_id
        and window.instrument_id in (None, deployment.instrument_id)
    ]
    return max(found, default=None)


def running() -> list[MaintenanceWindow]:
    """The windows that run now."""
    now = wall_now()
    return list(markets.standing_maintenance(now).filter(starts_at__lte=now))
