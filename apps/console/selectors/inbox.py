"""What waits for a person: alerts, breaks, holds, feeds at an end."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access.models import RoleGrant, User
from apps.access.states import UserKind
from apps.alerts.models import Alert
from apps.alerts.states import AlertState, Tier
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.markets.models import Feed
from apps.markets.states import FeedState
from apps.reconciliation.models import Break
from apps.reconciliation.states import BreakState
from apps.risk.models import Hold
from apps.risk.states import HoldState

CRITICAL_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """Open things within a person's reach."""

    alerts: int
    breaks: int
    holds: int


def open_alerts(user: User) -> QuerySet[Alert]:
    """Alerts that are not resolved, newest first."""
    rows = Alert.objects.exclude(state=AlertState.RESOLVED).select_related("scope")
    return access.within(rows, user, "scope").order_by("-id")


def critical_alerts(user: User) -> list[Alert]:
    """Critical alerts that nobody has acknowledged, newest first."""
    return list(open_alerts(user).filter(tier=Tier.CRITICAL, state=AlertState.OPEN)[:CRITICAL_SHOWN])


def open_breaks(user: User) -> QuerySet[Break]:
    """Breaks that are not resolved, newest first."""
    rows = Break.objects.filter(state=BreakState.OPEN).select_related("account__venue", "owner")
    return access.within(rows, user, "account__scope").order_by("-id")


def active_holds(user: User) -> QuerySet[Hold]:
    """Holds in force that the person may see: on scopes within reach, and on everything above those."""
    reach = access.visible_scope_ids(user) | above(user)
    rows = Hold.objects.filter(state=HoldState.ACTIVE, scope_id__in=reach)
    return rows.select_related("scope", "consent").order_by("-id")


def above(user: User) -> set[UUID]:
    """Scopes above those on which the person holds a role: what stops them stops the person's bots too."""
    return {pk for grant in access.role_grants(user) for pk in grant.scope.lineage}


def counts(user: User) -> Counts:
    """The numbers of the menu, in one round trip; none for somebody without a role."""
    if not access.visible_scope_ids(user):
        return Counts(0, 0, 0)
    parts = [rows.order_by().values("pk") for rows in (open_alerts(user), open_breaks(user), active_holds(user))]
    compiled = [part.query.sql_with_params() for part in parts]
    sql = ", ".join(f"(SELECT count(*) FROM ({text}) AS part)" for text, _ in compiled)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", [value for _, values in compiled for value in values])
        return Counts(*cursor.fetchone())


def feeds_needing_attention(user: User) -> list[Feed]:
    """Feeds of running deployments within reach that deliver nothing."""
    running = access.within(Deployment.objects.filter(desired=Desired.RUNNING), user, "bot__scope")
    rows = Feed.objects.exclude(state=FeedState.RUNNING).filter(pk__in=running.values("feed_id"))
    return list(rows.select_related("instrument").order_by("name"))


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A sign-in of the demo, without its password."""

    username: str
    roles: str


def demo_people() -> list[DemoPerson]:
    """The people of a demo installation and their roles."""
    grants = RoleGrant.objects.filter(user__kind=UserKind.PERSON, user__is_active=True)
    by_name: dict[str, set[str]] = {}
    named = grants.order_by("user__username").values_list("user__username", "role__name", "scope__name")
    for username, role, scope in named:
        by_name.setdefault(username, set()).add(f"{role}, {scope}")
    return [DemoPerson(name, "; ".join(sorted(roles))) for name, roles in by_name.items()]
