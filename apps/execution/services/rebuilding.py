"""Exposure and books added up anew from orders, fills and positions: what stood must agree with it."""

from collections import defaultdict
from decimal import Decimal
from uuid import UUID

from django.db.models import Case, DecimalField, F, Sum, When
from django.db.models.functions import Coalesce, Greatest

from apps.audit.context import acting, job
from apps.bots.states import Mode
from apps.execution.models import Fill, Order, Position
from apps.execution.services import ledger
from apps.execution.states import TERMINAL, WORKING
from apps.risk import services as risk
from apps.risk.models import Exposure, ScopeBook

ZERO = Decimal(0)
# A scope and a mode.
Key = tuple[UUID, str]


def rebuild_exposure(*, exposure: Exposure) -> Exposure:
    """Compute an exposure row anew from orders and fills, under its lock; it must agree with what stood."""
    with acting(job("rebuild"), "rebuild exposure"):
        row = Exposure.objects.select_for_update().get(pk=exposure.pk)
        fills = Fill.objects.filter(bot__scope=row.scope_id, instrument=row.instrument_id)
        orders = Order.objects.filter(bot__scope=row.scope_id, instrument=row.instrument_id)
        bought = fills.filter(side="BUY").aggregate(total=Sum("quantity"))["total"] or ZERO
        sold = fills.filter(side="SELL").aggregate(total=Sum("quantity"))["total"] or ZERO
        # Of terms that the venue was asked for the worst case counts until it has said which ones hold. An order
        # that has ended still counts for fills that the venue has reported and we have not booked.
        most = Greatest(F("quantity"), Coalesce(F("replace_quantity"), F("quantity")))
        left = Case(
            When(state__in=WORKING, then=most - F("filled_quantity")),
            default=F("reserved_quantity"),
            output_field=DecimalField(),
        )
        working = dict(orders.values_list("side").annotate(total=Sum(left)))
        row.position = bought - sold
        row.working_buy = working.get("BUY", ZERO)
        row.working_sell = working.get("SELL", ZERO)
        row.save(update_fields=["position", "working_buy", "working_sell"])
    return row


def rebuild_books() -> dict[Key, tuple[risk.Sums, risk.Sums]]:
    """Add up every scope's books anew from positions and orders; what disagreed, as (before, after).

    Everything that moves books waits: exposures are locked first, in the house's order.
    """
    with acting(job("rebuild"), "rebuild the books of all scopes"):
        risk.lock_all_exposures()
        sums = _added_up()
        for mode in Mode:
            risk.open_books({scope_id for scope_id, of in sums if of == mode}, mode=mode)
        found = {}
        for book in ScopeBook.objects.select_for_update().order_by("id"):
            key = (book.scope_id, book.mode)
            before, after = risk.sums_of(book), sums.get(key, risk.NOTHING)
            if before != after:
                found[key] = (before, after)
                risk.set_sums(book, after)
    return found


def _added_up() -> dict[Key, risk.Sums]:
    totals: dict[Key, risk.Sums] = defaultdict(lambda: risk.NOTHING)
    for position in Position.objects.select_related(*ledger.TRADED):
        figures = risk.Sums(abs(position.value_base), position.value_base, ZERO, ZERO, 0, position.pnl_base)
        _add(totals, position, figures)
    working = Order.objects.exclude(state__in=TERMINAL) | Order.objects.exclude(reserved_quantity=0)
    for order in working.select_related(*ledger.TRADED):
        amount = risk.worth(order.reserved_quantity, order.unit_base)
        buying, selling = (amount, ZERO) if order.side == "BUY" else (ZERO, amount)
        _add(totals, order, risk.Sums(ZERO, ZERO, buying, selling, int(order.state not in TERMINAL), ZERO))
    return totals


def _add(totals: dict[Key, risk.Sums], counted: Order | Position, figures: risk.Sums) -> None:
    for scope_id in ledger.scope_ids(counted):
        totals[scope_id, counted.account.mode] += figures
