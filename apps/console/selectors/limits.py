"""Limits in force and how much of each is used."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from apps.access import selectors as access
from apps.access.models import Scope, User
from apps.access.selectors import Seat
from apps.access.states import ConsentState, Permission, ScopeKind
from apps.risk.models import Exposure, Limit, LimitRaise
from apps.risk.states import LimitKind

RAISES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class LimitView:
    """A limit and the largest use of it that can be told from exposure rows."""

    limit: Limit
    used: Decimal | None

    @property
    def percent(self) -> int | None:
        """Use in percent, at most 100."""
        if self.used is None or not self.limit.value:
            return None
        return min(100, int(self.used / self.limit.value * 100))


@dataclass(frozen=True, slots=True)
class RaiseView:
    """A raise with its seats and the limit as it stands."""

    row: LimitRaise
    now: Decimal | None
    seats: list[Seat]
    may_vote: bool


def settable(user: User) -> list[Scope]:
    """Scopes on which the person may set limits, widest first."""
    kinds = list(ScopeKind)
    found = access.visible_scopes(user, Permission.SET_LIMITS)
    return sorted(found, key=lambda scope: (kinds.index(ScopeKind(scope.kind)), scope.name))


def in_force(user: User) -> list[LimitView]:
    """Limits within reach and above it, by scope."""
    rows = Limit.objects.filter(scope__in=access.visible_scope_ids(user)).select_related("scope")
    largest = _largest_positions()
    return [
        LimitView(row, largest.get(row.scope_id) if row.kind == LimitKind.POSITION else None)
        for row in rows.order_by("scope__path", "kind")
    ]


def _largest_positions() -> dict[UUID, Decimal]:
    """The largest position in one instrument below each scope, working orders at their worst, units."""
    totals: dict[UUID, dict[UUID, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in Exposure.objects.select_related("scope"):
        worst = max(abs(row.position + row.working_buy), abs(row.position - row.working_sell))
        for scope_id in row.scope.lineage:
            totals[scope_id][row.instrument_id] += worst
    return {scope_id: max(by_instrument.values()) for scope_id, by_instrument in totals.items()}


def raises(user: User) -> list[RaiseView]:
    """Raises that wait for a second person."""
    rows = LimitRaise.objects.filter(consent__state=ConsentState.OPEN, applied_at=None)
    found = access.within(rows.select_related("scope", "consent__requested_by", "consent__scope"), user, "scope")
    now = {(row.scope_id, row.kind): row.value for row in Limit.objects.filter(scope__in=[r.scope_id for r in found])}
    views = []
    for row in found.order_by("-id")[:RAISES_SHOWN]:
        seats = access.seats_of(row.consent) if row.consent else []
        may_vote = any(user in seat.candidates for seat in seats)
        views.append(RaiseView(row, now.get((row.scope_id, row.kind)), seats, may_vote))
    return views
