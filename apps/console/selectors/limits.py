"""Limits by scope: what each allows now, how much of it is used, and what waits to be raised."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access.models import Scope, User
from apps.access.selectors import Seat
from apps.access.states import ConsentState, Permission, ScopeKind
from apps.bots.models import Bot
from apps.common.clocks import wall_now
from apps.console.selectors import fleet, trading
from apps.console.selectors.people import widest_first
from apps.deployments.models import Deployment
from apps.risk import services as risk
from apps.risk.models import Exposure, Limit, LimitRaise, OrderRate, ScopeBook, Throttle
from apps.risk.states import LimitKind

RAISES_SHOWN = 50
UNBOUNDED_SHOWN = 20
K = LimitKind
# By scope, mode and kind.
Counts = dict[tuple[UUID, str, str], Decimal]
# Measured against each order by itself; nothing of them is used up by what stands.
PER_ORDER = frozenset({K.ORDER_QUANTITY, K.ORDER_NOTIONAL, K.COLLAR_BPS, K.REPEAT_EXECUTIONS})
IN_BASE = frozenset({K.ORDER_NOTIONAL, K.GROSS_EXPOSURE, K.NET_EXPOSURE, K.DAILY_LOSS, K.DRAWDOWN})
MARKED = frozenset({K.GROSS_EXPOSURE, K.NET_EXPOSURE, K.DAILY_LOSS, K.DRAWDOWN})


@dataclass(frozen=True, slots=True)
class LimitView:
    """A limit with what it allows now and what is used of it, in the limit's own unit; None: nothing to tell."""

    limit: Limit
    value: Decimal
    used: Decimal | None
    unit: str
    is_stale: bool

    @property
    def headroom(self) -> Decimal | None:
        """What is left; below zero when more is used than allowed."""
        return None if self.used is None else self.value - self.used

    @property
    def percent(self) -> int | None:
        """Use in percent, above 100 when more is used than allowed; a limit of zero is used up by anything."""
        if self.used is None:
            return None
        if not self.value:
            return 100 if self.used > 0 else 0
        return max(0, int(self.used / self.value * 100))

    @property
    def is_per_order(self) -> bool:
        """Whether it bounds each order by itself."""
        return self.limit.kind in PER_ORDER

    @property
    def reverts_at(self) -> datetime | None:
        """When a raise that still stands ends by itself."""
        ends_at = self.limit.expires_at
        return ends_at if ends_at is not None and ends_at > wall_now() else None


@dataclass(frozen=True, slots=True)
class ScopeView:
    """A scope with its limits, what one mode uses of them, and when its sums were marked last.

    `mode` is empty where nothing has traded.
    """

    scope: Scope
    mode: str
    limits: list[LimitView]
    marked_at: datetime | None
    is_stale: bool


@dataclass(frozen=True, slots=True)
class RaiseView:
    """A raise with its seats and the limit as it stands."""

    row: LimitRaise
    now: Decimal | None
    seats: list[Seat]
    may_vote: bool


def settable(user: User) -> list[Scope]:
    """Scopes on which the person may set limits, widest first."""
    return widest_first(access.visible_scopes(user, Permission.SET_LIMITS))


def limited(user: User, text: str = "", kind: str = "") -> QuerySet[Scope]:
    """Scopes within reach that have limits, from the firm downwards; of one kind, with `text` in the name."""
    rows = access.visible_scopes(user).filter(pk__in=Limit.objects.values("scope"))
    if kind in ScopeKind.values:
        rows = rows.filter(kind=kind)
    if text:
        rows = rows.filter(name__icontains=text)
    return rows.order_by("path")


def views(scopes: Iterable[Scope], base_currency: str) -> list[ScopeView]:
    """Each scope with its limits and their use, real money before paper."""
    found = list(scopes)
    limits: dict[UUID, list[Limit]] = {}
    for row in Limit.objects.filter(scope__in=found).select_related("scope"):
        limits.setdefault(row.scope_id, []).append(row)
    books: dict[UUID, list[ScopeBook | None]] = {}
    for book in ScopeBook.objects.filter(scope__in=found).order_by("mode"):
        books.setdefault(book.scope_id, []).append(book)
    counts = _largest_counts()
    return [
        _view(scope, limits.get(scope.pk, []), one, counts, base_currency)
        for scope in found
        for one in books.get(scope.pk, [None])
    ]


def _view(
    scope: Scope,
    limits: list[Limit],
    book: ScopeBook | None,
    counts: Counts,
    base_currency: str,
) -> ScopeView:
    order = {kind: number for number, kind in enumerate(LimitKind.values)}
    is_stale = book is not None and not _is_fresh(book)
    sums = sums_of(book) if book else {}
    shown = []
    for row in sorted(limits, key=lambda limit: order.get(limit.kind, 99)):
        used = sums.get(row.kind, counts.get((scope.pk, book.mode if book else "", row.kind)))
        shown.append(
            LimitView(
                limit=row,
                value=risk.in_force(row),
                used=None if row.kind in PER_ORDER else used,
                unit=base_currency if row.kind in IN_BASE else "",
                is_stale=is_stale and row.kind in MARKED,
            )
        )
    return ScopeView(scope, book.mode if book else "", shown, book.marked_at if book else None, is_stale)


def sums_of(book: ScopeBook) -> dict[str, Decimal]:
    """What a book uses of each limit that is summed over a scope, working orders at their worst.

    A loss below zero is a gain.
    """
    return {
        K.GROSS_EXPOSURE: book.gross + book.buying + book.selling,
        K.NET_EXPOSURE: max(abs(book.net + book.buying), abs(book.net - book.selling)),
        K.OPEN_ORDERS: Decimal(book.open_orders),
        K.DAILY_LOSS: book.pnl_at_open - book.pnl,
        K.DRAWDOWN: book.pnl_peak - book.pnl,
    }


def _is_fresh(book: ScopeBook) -> bool:
    """Marked recently enough to judge a loss by."""
    return book.marked_at is not None and wall_now() - book.marked_at <= timedelta(seconds=settings.BOOKS_STALE_S)


def _largest_counts() -> Counts:
    """For each scope the largest use below it, by mode, of the limits that hold for each bot by itself."""
    found: Counts = {}
    # A bot trades on one account at a time: its newest deployment says in which mode.
    modes = dict(Deployment.objects.order_by("id").values_list("bot__scope", "mode"))

    def see(of: Scope, kind: str, used: Decimal) -> None:
        for scope_id in of.lineage:
            key = (scope_id, modes.get(of.pk, ""), kind)
            found[key] = max(used, found.get(key, Decimal(0)))

    for row in Exposure.objects.select_related("scope"):
        worst = max(abs(row.position + row.working_buy), abs(row.position - row.working_sell))
        see(row.scope, K.POSITION, worst)
    now = wall_now()
    minute, second = now.replace(second=0, microsecond=0), now.replace(microsecond=0)
    for rate in OrderRate.objects.select_related("scope"):
        see(rate.scope, K.ORDERS_PER_MINUTE, Decimal(rate.count if rate.minute == minute else 0))
        see(rate.scope, K.MESSAGES_PER_SECOND, Decimal(rate.second_count if rate.second == second else 0))
    return found


def raises(user: User) -> list[RaiseView]:
    """Raises that wait for a second person."""
    rows = LimitRaise.objects.filter(consent__state=ConsentState.OPEN, applied_at=None)
    found = access.within(rows.select_related("scope", "consent__requested_by", "consent__scope"), user, "scope")
    latest = list(found.order_by("-id")[:RAISES_SHOWN])
    limits = Limit.objects.filter(scope__in=[row.scope_id for row in latest])
    now = {(row.scope_id, row.kind): risk.in_force(row) for row in limits}
    shown = []
    for row in latest:
        seats = access.seats_of(row.consent) if row.consent else []
        may_vote = any(user in seat.candidates for seat in seats)
        shown.append(RaiseView(row, now.get((row.scope_id, row.kind)), seats, may_vote))
    return shown


def granted(user: User) -> list[LimitRaise]:
    """Raises that were agreed to and take effect later."""
    rows = LimitRaise.objects.filter(consent__state=ConsentState.GRANTED, applied_at=None)
    found = access.within(rows.select_related("scope", "consent__requested_by"), user, "scope")
    return list(found.order_by("effective_from")[:RAISES_SHOWN])


def unbounded(user: User) -> list[tuple[Bot, list[str]]]:
    """Running bots within reach with the kinds that no scope of their lines bounds: what opens is denied there."""
    bots = list(access.within(Bot.objects.select_related("scope"), user, "scope").order_by("name"))
    running = fleet.running_by_bot([bot.pk for bot in bots])
    bounded: dict[UUID, set[str]] = defaultdict(set)
    for scope_id, kind in Limit.objects.values_list("scope", "kind"):
        bounded[scope_id].add(kind)
    found = []
    for bot in bots:
        scopes = trading.scopes_of(bot, running.get(bot.pk, []))
        missing = [kind for kind in LimitKind if not any(kind in bounded[pk] for pk in scopes if pk in bounded)]
        if missing and running.get(bot.pk):
            found.append((bot, [str(kind.label) for kind in missing]))
    return found[:UNBOUNDED_SHOWN]


def throttled(user: User) -> list[Throttle]:
    """Bots within reach that repeated themselves and open nothing until somebody enables them."""
    rows = Throttle.objects.filter(enabled_at=None).select_related("scope")
    return list(access.within(rows, user, "scope").order_by("-id"))
