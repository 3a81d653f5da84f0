"""Exposure: the row whose lock makes the check and the reservation one step."""

from datetime import datetime
from decimal import Decimal

from django.db.models import Case, F, When

from apps.access.models import Scope
from apps.common.clocks import wall_now
from apps.markets.models import Instrument
from apps.risk.models import Exposure, OrderRate


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


def reserve(*, exposure: Exposure, side: str, quantity: Decimal) -> None:
    """Count an order's units as working; the caller holds the row's lock."""
    name = _column(side)
    Exposure.objects.filter(pk=exposure.pk).update(**{name: F(name) + quantity})


def unreserve(*, scope: Scope, instrument: Instrument, side: str, quantity: Decimal) -> None:
    """Take units off the working count: filled, or the order ended. Locks the row."""
    name = _column(side)
    Exposure.objects.filter(scope=scope, instrument=instrument).update(**{name: F(name) - quantity})


def adjust_position(*, scope: Scope, instrument: Instrument, side: str, quantity: Decimal) -> None:
    """Add a fill to the signed position."""
    signed = quantity if side == "BUY" else -quantity
    Exposure.objects.filter(scope=scope, instrument=instrument).update(position=F("position") + signed)


def orders_this_minute(*, scope: Scope) -> int:
    """How many orders were counted in this wall minute; the row stays locked until the transaction ends."""
    row, minute = _rate(scope)
    return row.count if row.minute == minute else 0


def count_order(*, scope: Scope) -> None:
    """Count one more order of this wall minute under the row's lock."""
    minute = wall_now().replace(second=0, microsecond=0)
    count = Case(When(minute=minute, then=F("count") + 1), default=1)
    if not OrderRate.objects.filter(scope=scope).update(minute=minute, count=count):
        OrderRate.objects.create(scope=scope, minute=minute, count=1)


def _rate(scope: Scope) -> tuple[OrderRate, datetime]:
    minute = wall_now().replace(second=0, microsecond=0)
    rows = OrderRate.objects.select_for_update().filter(scope=scope)
    row = rows.first()
    if row is None:
        OrderRate.objects.bulk_create([OrderRate(scope=scope, minute=minute)], ignore_conflicts=True)
        row = rows.get()
    return row, minute


def _column(side: str) -> str:
    return "working_buy" if side == "BUY" else "working_sell"
