"""Exposure: the row whose lock makes the check and the reservation one step, and the sums of every scope."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Greatest
from quarterdeck.decimals import EXACT

from apps.access.models import Scope
from apps.common.clocks import wall_now
from apps.markets.models import Instrument
from apps.risk.models import Exposure, OrderRate, ScopeBook
from apps.risk.selectors import counted

STEP = Decimal(1).scaleb(-18)
ZERO = Decimal(0)
# Rows are locked in one order whatever the plan, so that two transactions cannot wait for each other.
MOVE = """
    UPDATE risk_scopebook AS book SET gross = gross + %s, net = net + %s, buying = buying + %s,
        selling = selling + %s, open_orders = open_orders + %s, pnl = pnl + %s
    FROM (SELECT id FROM risk_scopebook WHERE scope_id = ANY(%s) AND mode = %s ORDER BY id FOR UPDATE) AS mine
    WHERE book.id = mine.id
    RETURNING book.scope_id, book.gross, book.net, book.buying, book.selling, book.open_orders, book.pnl
"""


@dataclass(frozen=True, slots=True)
class Sums:
    """The book of a scope as it stands after a change, its row locked by us."""

    gross: Decimal
    net: Decimal
    buying: Decimal
    selling: Decimal
    open_orders: int
    pnl: Decimal

    def __add__(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(
            self.gross + other.gross,
            self.net + other.net,
            self.buying + other.buying,
            self.selling + other.selling,
            self.open_orders + other.open_orders,
            self.pnl + other.pnl,
        )


NOTHING = Sums(ZERO, ZERO, ZERO, ZERO, 0, ZERO)


def sums_of(book: ScopeBook) -> Sums:
    """What a book says."""
    return Sums(book.gross, book.net, book.buying, book.selling, book.open_orders, book.pnl)


def set_sums(book: ScopeBook, sums: Sums) -> None:
    """Let a locked book say what was added up anew; what was lost today and from the peak stays what it was."""
    earned = sums.pnl - book.pnl
    ScopeBook.objects.filter(pk=book.pk).update(
        **asdict(sums), pnl_at_open=F("pnl_at_open") + earned, pnl_peak=F("pnl_peak") + earned
    )


def lock_all_exposures() -> None:
    """Lock every exposure row until the transaction ends: nothing is reserved, freed or filled meanwhile."""
    list(Exposure.objects.select_for_update().order_by("id").values_list("id", flat=True))


def lock_exposures(held: Iterable[tuple[UUID, UUID]]) -> None:
    """Lock the exposure rows of these (bot's scope, instrument) until the transaction ends, in one order."""
    wanted = Q(pk__in=[])
    for scope_id, instrument_id in held:
        wanted |= Q(scope_id=scope_id, instrument_id=instrument_id)
    list(Exposure.objects.select_for_update().filter(wanted).order_by("id").values_list("id", flat=True))


def lock_exposure(*, scope: Scope, instrument: Instrument) -> Exposure:
    """The bot's exposure row in an instrument, locked until the transaction ends; made when missing."""
    rows = Exposure.objects.select_for_update().filter(scope=scope, instrument=instrument)
    found = rows.first()
    if found is None:
        Exposure.objects.bulk_create(
            [Exposure(scope=scope, instrument=instrument)],
            ignore_conflicts=True,
        )
        found = rows.get()
    return found


def unreserve(*, scope: Scope, instrument: Instrument, side: str, quantity: Decimal) -> None:
    """Take units off the working count: filled, or the order ended; a negative quantity adds. Locks the row."""
    name = _column(side)
    Exposure.objects.filter(scope=scope, instrument=instrument).update(**{name: F(name) - quantity})


def adjust_position(*, scope: Scope, instrument: Instrument, side: str, quantity: Decimal) -> None:
    """Add a fill to the signed position."""
    signed = quantity if side == "BUY" else -quantity
    Exposure.objects.filter(scope=scope, instrument=instrument).update(position=F("position") + signed)


def worth(quantity: Decimal, unit_base: Decimal) -> Decimal:
    """What units count for on the books of scopes: base currency, rounded half-even to 18 decimal places.

    Always a function of the whole quantity, so that what was added is exactly what is taken off.
    """
    return EXACT.multiply(quantity, unit_base).quantize(STEP, context=EXACT)


def open_books(scope_ids: Iterable[UUID], *, mode: str) -> None:
    """Make the books of scopes that have none; an empty book is marked: there is nothing to value."""
    known = set(ScopeBook.objects.filter(scope_id__in=list(scope_ids), mode=mode).values_list("scope_id", flat=True))
    missing = [ScopeBook(scope_id=pk, mode=mode, marked_at=wall_now()) for pk in sorted(set(scope_ids) - known)]
    ScopeBook.objects.bulk_create(missing, ignore_conflicts=True)


def move_books(
    scope_ids: Iterable[UUID],
    *,
    mode: str,
    gross: Decimal = ZERO,
    net: Decimal = ZERO,
    buying: Decimal = ZERO,
    selling: Decimal = ZERO,
    open_orders: int = 0,
    pnl: Decimal = ZERO,
) -> dict[UUID, Sums]:
    """Add to the books of all these scopes in one statement, and what they are then.

    The rows are shared by bots and stay locked until the commit, so this comes last before it.
    """
    if not any((gross, net, buying, selling, open_orders, pnl)):
        return {}
    with connection.cursor() as cursor:
        cursor.execute(MOVE, [gross, net, buying, selling, open_orders, pnl, list(scope_ids), mode])
        return {pk: Sums(*figures) for pk, *figures in cursor.fetchall()}


def move_working(
    scope_ids: Iterable[UUID], *, mode: str, side: str, amount: Decimal, open_orders: int = 0
) -> dict[UUID, Sums]:
    """Add to what is working on one side, and to the count of open orders; as `move_books`."""
    name = "buying" if side == "BUY" else "selling"
    return move_books(scope_ids, mode=mode, open_orders=open_orders, **{name: amount})


def lock_books(scope_ids: Iterable[UUID], *, mode: str) -> None:
    """Lock the books of all these scopes, in the order in which `move_books` locks them."""
    rows = ScopeBook.objects.filter(scope_id__in=list(scope_ids), mode=mode)
    list(rows.select_for_update().order_by("id").values_list("id", flat=True))


def days_of(scope_ids: Iterable[UUID], *, mode: str) -> dict[UUID, date | None]:
    """The trading day that each scope's book is in, None before its first."""
    rows = ScopeBook.objects.filter(scope_id__in=list(scope_ids), mode=mode)
    return dict(rows.values_list("scope_id", "trading_day"))


def restate_open(*, scope_ids: Iterable[UUID], mode: str, trading_day: date, amount: Decimal) -> int:
    """Add `amount` (base currency) to the profit with which the books that are in that day began it; how many did.

    What was earned and its peak stay: a day's loss is measured from another start. Books that have turned since began
    with a later price, and stay too.
    """
    scopes = list(scope_ids)
    with transaction.atomic():
        lock_books(scopes, mode=mode)
        rows = ScopeBook.objects.filter(scope_id__in=scopes, mode=mode, trading_day=trading_day)
        return rows.update(pnl_at_open=F("pnl_at_open") + amount)


def mark_books(*, scope_ids: Iterable[UUID], mode: str, at: datetime, trading_day: date) -> None:
    """Everything of `mode` below these scopes was valued at `at`; a new trading day starts from the present profit."""
    scope_ids = list(scope_ids)
    rows = ScopeBook.objects.filter(scope_id__in=scope_ids, mode=mode)
    starts = Q(trading_day__isnull=True) | Q(trading_day__lt=trading_day)
    with transaction.atomic():
        lock_books(scope_ids, mode=mode)
        rows.update(marked_at=at, pnl_peak=Greatest(F("pnl_peak"), F("pnl")))
        rows.filter(starts).update(trading_day=trading_day, pnl_at_open=F("pnl"))


def count_order(*, scope: Scope) -> None:
    """Count one more message of this wall second and minute under the row's lock; `rates` was asked before."""
    now = wall_now()
    minute, second = now.replace(second=0, microsecond=0), now.replace(microsecond=0)
    counts = {
        "count": Case(When(minute=minute, then=F("count") + 1), default=1),
        "second_count": Case(When(second=second, then=F("second_count") + 1), default=1),
    }
    if not OrderRate.objects.filter(scope=scope).update(minute=minute, second=second, **counts):
        OrderRate.objects.create(scope=scope, minute=minute, second=second, count=1, second_count=1)


def rates(*, scope: Scope) -> tuple[int, int]:
    """How many orders were counted in this wall minute and second; the row stays locked until the end.

    A window that lies ahead was counted before the clock was set back: it becomes this one, so that the step opens
    none anew, and it ends with this one.
    """
    now = wall_now()
    minute, second = now.replace(second=0, microsecond=0), now.replace(microsecond=0)
    rows = OrderRate.objects.select_for_update().filter(scope=scope)
    row = rows.first()
    if row is None:
        OrderRate.objects.bulk_create([OrderRate(scope=scope, minute=minute)], ignore_conflicts=True)
        row = rows.get()
    if row.minute > minute or (row.second is not None and row.second > second):
        row.minute, row.second = min(row.minute, minute), min(row.second or second, second)
        row.save(update_fields=["minute", "second"])
    return counted(row)


def _column(side: str) -> str:
    return "working_buy" if side == "BUY" else "working_sell"
