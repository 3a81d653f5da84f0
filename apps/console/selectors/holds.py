"""Holds in force, and drills of the kill switch."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from apps.access import selectors as access
from apps.access.models import Scope, User
from apps.access.selectors import Seat
from apps.access.states import ConsentState, Permission
from apps.common.clocks import wall_now
from apps.console.selectors import inbox
from apps.console.selectors.people import widest_first
from apps.risk.models import Hold, KillDrill
from apps.risk.states import DrillState, HoldState

PAST_SHOWN = 20
DRILLS_SHOWN = 20
OPEN_DRILLS = (DrillState.RUNNING, DrillState.DUE)
DRILL_PERMISSIONS = (Permission.OPERATE, Permission.SET_LIMITS)


def placeable(user: User) -> list[Scope]:
    """Scopes on which the person may place a hold, widest first."""
    return widest_first(access.visible_scopes(user, Permission.HOLD))


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold with the seats of its release, if that was asked for."""

    hold: Hold
    seats: list[Seat]
    may_vote: bool

    @property
    def is_release_asked(self) -> bool:
        """Whether a second person is waited for."""
        return self.hold.consent is not None and self.hold.consent.state == ConsentState.OPEN


def in_force(user: User) -> list[HoldView]:
    """Holds in force within reach, newest first."""
    views = []
    for hold in inbox.active_holds(user):
        is_open = hold.consent is not None and hold.consent.state == ConsentState.OPEN
        seats = access.seats_of(hold.consent) if is_open and hold.consent else []
        views.append(HoldView(hold, seats, any(user in seat.candidates for seat in seats)))
    return views


def past(user: User) -> list[Hold]:
    """The latest released holds."""
    rows = Hold.objects.filter(state=HoldState.RELEASED).select_related("scope")
    return list(access.within(rows, user, "scope").order_by("-released_at")[:PAST_SHOWN])


@dataclass(frozen=True, slots=True)
class DrillView:
    """A drill of the kill switch; overdue when it blocks promotions."""

    row: KillDrill
    is_overdue: bool

    @property
    def is_valid(self) -> bool:
        """Whether it passed and still counts."""
        return self.row.valid_until is not None and self.row.valid_until > wall_now()


def drillable(user: User) -> list[Scope]:
    """Scopes on which the person may schedule a drill, widest first."""
    ids = {pk for permission in DRILL_PERMISSIONS for pk in access.visible_scope_ids(user, permission)}
    return widest_first(Scope.objects.filter(pk__in=ids))


def drills(user: User) -> list[DrillView]:
    """The latest drills within reach: what is due first, then the log, newest first."""
    rows = access.within(KillDrill.objects.select_related("scope", "hold"), user, "scope")
    late = set(overdue_drills(user).values_list("pk", flat=True))
    found = sorted(rows.order_by("-id")[:DRILLS_SHOWN], key=lambda row: row.state not in OPEN_DRILLS)
    return [DrillView(row, row.pk in late) for row in found]


def overdue_drills(user: User) -> QuerySet[KillDrill]:
    """Drills within reach that block promotions: past their time, and none of their scope passed since."""
    made_up_for = KillDrill.objects.filter(
        scope=OuterRef("scope"), state=DrillState.PASSED, finished_at__gt=OuterRef("created_at")
    )
    rows = KillDrill.objects.filter(blocks_from__lte=wall_now()).exclude(state=DrillState.PASSED)
    return access.within(rows.exclude(Exists(made_up_for)).select_related("scope"), user, "scope").order_by("-id")
