"""Passive breaches: a price moved or a limit came down, and what is held is more than it allows (design §6).

Nobody asked for an order, so no check stands in the way: a sweep compares the books with the limits in force. It
alerts people and holds the smallest scope that is over, REDUCING, until people release it. What is not held yet but
works to be is no reason for a hold: execution cancels of it what does not fit any more (`crowded`). What was done is
read from the database each time, so that the next sweep makes up for one that was killed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Case, F, Q, When
from quarterdeck.decimals import EXACT

from apps.access.models import Scope
from apps.alerts import services as alerts
from apps.alerts.models import Alert
from apps.alerts.states import AlertState, Tier
from apps.audit.context import job
from apps.bots.states import Mode
from apps.common.clocks import wall_now
from apps.common.decimals import text_of
from apps.risk import rules
from apps.risk.models import Exposure, Hold, Limit, ScopeBook
from apps.risk.services.holds import place_hold
from apps.risk.states import AUTOMATIC, HoldLevel, HoldSource, HoldState, LimitKind

log = structlog.get_logger(__name__)
ACTOR = job("limits")
CODE = "LIMIT_BREACHED"
ZERO = Decimal(0)
LOSSES = frozenset({LimitKind.DAILY_LOSS, LimitKind.DRAWDOWN})
# What is held or lost can be over by itself.
COMPARED = LOSSES | {LimitKind.GROSS_EXPOSURE, LimitKind.NET_EXPOSURE, LimitKind.POSITION}
# From the smallest to the widest; of a line's scopes that are over, the first is held.
SIZES = ("bot", "account", "strategy", "bucket", "desk", "instrument", "venue", "firm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A bot that trades an instrument on an account: every scope that this concerns, and its bundle's own limits."""

    bot_scope_id: UUID
    instrument_scope_id: UUID
    mode: str
    scope_ids: frozenset[UUID]
    bundle: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Breach:
    """A scope holds or has lost more, in one mode, than a limit of it allows."""

    scope_id: UUID
    mode: str
    kind: str
    figure: Decimal
    bound: Decimal

    @property
    def dedup_key(self) -> str:
        """One alert at a time for each of these."""
        return f"limit-breached:{self.scope_id}:{self.mode}:{self.kind}"

    @property
    def sentence(self) -> str:
        """What is over, by how much."""
        what, _, _ = LimitKind(self.kind).label.partition(",")
        return f"{what} is {text_of(self.figure)}, its limit {text_of(self.bound)} ({self.mode})"


@dataclass(frozen=True, slots=True)
class Crowded:
    """What is held and all that works on `sides` could come to more, in one mode, than a limit of a scope allows.

    `held` is in base currency, as it counts against the bound: a net towards the side, so it may be negative.
    """

    scope_id: UUID
    mode: str
    kind: str
    sides: tuple[str, ...]
    held: Decimal
    bound: Decimal


@dataclass(frozen=True, slots=True)
class Facts:
    """Limits in force, books and positions on the scopes of some lines, read at one time."""

    limits: Mapping[UUID, Mapping[str, Decimal]]
    books: Mapping[tuple[UUID, str], ScopeBook]
    positions: Mapping[UUID, Sequence[Exposure]]


def contain_breaches(lines: Sequence[Line]) -> int:
    """Alert and hold where what is held is over a limit in force; how many limits are exceeded.

    `lines` are all that trade or hold something. Each scope that is over in a mode raises one CRITICAL
    LIMIT_BREACHED, cleared once it is known to be within again. Of the scopes of a line that are over, the smallest
    gets one REDUCING hold, unless it is held; people release it, and it is not placed again while the same alert
    stands. What desks share is alerted and never held, and paper stops no real money: the check of every order
    refuses there what opens.
    """
    facts = _read(lines)
    found = _breaches(lines, facts)
    scopes = Scope.objects.in_bulk({breach.scope_id for breach in found.values()})
    standing = {alert.dedup_key: alert for alert in _unresolved()}
    for key, breach in found.items():
        if key not in standing:
            with apart(key):
                standing[key] = _raise(breach, scopes[breach.scope_id])
    for key in standing.keys() - found.keys():
        if _has_ended(standing[key], facts):
            with apart(key):
                alerts.clear(dedup_key=key, actor=ACTOR, reason="within the limit again, or nothing trades there")
    for scope, breaches in _to_hold(lines, found, scopes):
        with apart(str(scope)):
            _hold(scope, breaches, [standing[breach.dedup_key] for breach in breaches])
    return len(found)


def crowded(lines: Sequence[Line]) -> list[Crowded]:
    """Gross and net limits in force that what is held and works could pass together; as `contain_breaches`.

    A limit came down, or a price moved, after the orders were checked. The books count everything that works, exits
    too: the caller, who knows the orders, counts those that open.
    """
    facts, found = _read(lines), dict[tuple[UUID, str, str, tuple[str, ...]], Crowded]()
    for line in lines:
        for one in _crowded(line, facts):
            key = (one.scope_id, one.mode, one.kind, one.sides)
            if key not in found or one.bound < found[key].bound:
                found[key] = one
    return list(found.values())


def _crowded(line: Line, facts: Facts) -> Iterator[Crowded]:
    for book, bounds in _books(line, facts):
        for kind, sides, held, working in (
            (LimitKind.GROSS_EXPOSURE, ("BUY", "SELL"), book.gross, EXACT.add(book.buying, book.selling)),
            (LimitKind.NET_EXPOSURE, ("BUY",), book.net, book.buying),
            (LimitKind.NET_EXPOSURE, ("SELL",), book.net.copy_negate(), book.selling),
        ):
            if kind in bounds and working and EXACT.add(held, working) > bounds[kind]:
                yield Crowded(book.scope_id, line.mode, kind, sides, held, bounds[kind])


@contextmanager
def apart(what: str) -> Iterator[None]:
    """One act of the sweep: the next one tries it again when it fails, and it stops no other."""
    try:
        yield
    except Exception as error:
        log.exception("breach.not_contained", what=what, error=type(error).__name__)


def _read(lines: Sequence[Line]) -> Facts:
    bots = {line.bot_scope_id for line in lines}
    positions = defaultdict(list)
    for row in Exposure.objects.filter(scope_id__in=bots).exclude(position=0).select_related("instrument"):
        positions[row.scope_id].append(row)
    ids = {pk for line in lines for pk in line.scope_ids}
    traded = {row.instrument.scope_id for rows in positions.values() for row in rows}
    books = ScopeBook.objects.filter(scope_id__in=ids)
    return Facts(_limits(ids | traded), {(book.scope_id, book.mode): book for book in books}, positions)


def _limits(scope_ids: Iterable[UUID]) -> dict[UUID, dict[str, Decimal]]:
    """What is in force now: a raise that is over does not count, whether it was written down or not."""
    counts = Case(When(expires_at__lte=wall_now(), then=F("reverts_to")), default=F("value"))
    rows = Limit.objects.filter(scope_id__in=list(scope_ids), kind__in=COMPARED).annotate(counts=counts)
    limits: dict[UUID, dict[str, Decimal]] = defaultdict(dict)
    for scope_id, kind, value in rows.values_list("scope_id", "kind", "counts"):
        limits[scope_id][kind] = value
    return limits


def _breaches(lines: Sequence[Line], facts: Facts) -> dict[str, Breach]:
    """By their keys; of several lines' bounds on one scope the strictest, of several positions the worst."""
    found: dict[str, Breach] = {}
    for line in lines:
        for breach in (*_of_books(line, facts), *_of_positions(line, facts)):
            known = found.get(breach.dedup_key)
            if known is None or _excess(breach) > _excess(known):
                found[breach.dedup_key] = breach
    return found


def _excess(breach: Breach) -> Decimal:
    return EXACT.subtract(breach.figure, breach.bound)


def _books(line: Line, facts: Facts) -> Iterator[tuple[ScopeBook, Mapping[str, Decimal]]]:
    """The books of a line, each with the limits in force on its scope."""
    bundle = _bundle(line, facts)
    for scope_id in line.scope_ids:
        book, bounds = facts.books.get((scope_id, line.mode)), facts.limits.get(scope_id, {})
        if scope_id == line.bot_scope_id:
            bounds = rules.strictest([bounds, bundle])
        if book is not None:
            yield book, bounds


def _of_books(line: Line, facts: Facts) -> Iterator[Breach]:
    for book, bounds in _books(line, facts):
        for kind, figure in _figures(book).items():
            if kind in bounds and _is_over(kind, figure, bounds[kind]):
                yield Breach(book.scope_id, line.mode, kind, figure, bounds[kind])


def _of_positions(line: Line, facts: Facts) -> Iterator[Breach]:
    """A limit of units bounds each bot's position in each instrument, the strictest of all its scopes."""
    for row in facts.positions.get(line.bot_scope_id, ()):
        around = line.scope_ids - {line.instrument_scope_id} | {row.instrument.scope_id}
        bounds = rules.strictest([*(facts.limits.get(pk, {}) for pk in around), _bundle(line, facts)])
        bound = bounds.get(LimitKind.POSITION)
        if bound is not None and abs(row.position) > bound:
            yield Breach(line.bot_scope_id, line.mode, LimitKind.POSITION, abs(row.position), bound)


def _bundle(line: Line, facts: Facts) -> dict[str, Decimal]:
    """A bundle only narrows: of a kind that the ledger bounds nowhere it says nothing."""
    known = {kind for pk in line.scope_ids for kind in facts.limits.get(pk, {})}
    return {kind: Decimal(value) for kind, value in line.bundle.items() if kind in known}


def _figures(book: ScopeBook) -> dict[str, Decimal]:
    return {
        LimitKind.GROSS_EXPOSURE: book.gross,
        LimitKind.NET_EXPOSURE: abs(book.net),
        LimitKind.DAILY_LOSS: EXACT.subtract(book.pnl_at_open, book.pnl),
        LimitKind.DRAWDOWN: EXACT.subtract(book.pnl_peak, book.pnl),
    }


def _is_over(kind: str, figure: Decimal, bound: Decimal) -> bool:
    """As the check of an order sees it: a loss counts once it reaches its limit, an exposure once it is above."""
    if kind in LOSSES:
        return figure > ZERO and figure >= bound
    return figure > bound


def _unresolved() -> list[Alert]:
    return list(Alert.objects.filter(code=CODE).exclude(state=AlertState.RESOLVED))


def _raise(breach: Breach, scope: Scope) -> Alert:
    return alerts.raise_alert(
        tier=Tier.CRITICAL,
        code=CODE,
        title=f"{scope} is over a limit: {breach.sentence}",
        scope=scope,
        detail={
            "kind": str(breach.kind),
            "mode": str(breach.mode),
            "figure": text_of(breach.figure),
            "limit": text_of(breach.bound),
        },
        dedup_key=breach.dedup_key,
        actor=ACTOR,
        reason=breach.sentence,
    )


def _has_ended(alert: Alert, facts: Facts) -> bool:
    """Whether what the alert says is past for sure: a book that nobody valued lately does not say so."""
    book = facts.books.get((alert.scope_id, alert.detail["mode"]))
    if book is None or not book.gross or alert.detail["kind"] == LimitKind.POSITION:
        return True
    oldest = wall_now() - timedelta(seconds=settings.BOOKS_STALE_S)
    return book.marked_at is not None and book.marked_at > oldest


def _to_hold(
    lines: Sequence[Line], found: Mapping[str, Breach], scopes: Mapping[UUID, Scope]
) -> list[tuple[Scope, list[Breach]]]:
    """The smallest scopes that are over and may be held, each with what it is over."""
    over: dict[tuple[UUID, str], list[Breach]] = defaultdict(list)
    for breach in found.values():
        over[breach.scope_id, breach.mode].append(breach)
    wider: set[tuple[UUID, str]] = set()
    for line in lines:
        own = [scopes[pk] for pk in line.scope_ids if (pk, line.mode) in over]
        own.sort(key=lambda scope: SIZES.index(scope.kind))
        wider |= {(scope.pk, line.mode) for scope in own[1:]}
    live = {pk for line in lines if line.mode == Mode.LIVE for pk in line.scope_ids}
    return [
        (scopes[pk], breaches)
        for (pk, mode), breaches in over.items()
        if (pk, mode) not in wider
        and scopes[pk].kind in AUTOMATIC[HoldSource.LIMITS]
        and (mode == Mode.LIVE or pk not in live)
    ]


def _hold(scope: Scope, breaches: Sequence[Breach], raised: Sequence[Alert]) -> None:
    """Hold the scope unless a hold for each of these alerts stood or stands: who released it knew of them."""
    newest = max(alert.created_at for alert in raised)
    placed = Hold.objects.filter(scope=scope, source=HoldSource.LIMITS)
    if not placed.filter(Q(state=HoldState.ACTIVE) | Q(released_at__gte=newest)).exists():
        place_hold(
            scope=scope,
            level=HoldLevel.REDUCING,
            actor=ACTOR,
            reason="; ".join(breach.sentence for breach in breaches),
            source=HoldSource.LIMITS,
            unless_held=True,
        )
