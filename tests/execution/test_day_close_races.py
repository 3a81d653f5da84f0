"""Two at once on the end of a day and on its mark: a day is closed once and restated once."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.execution import services as execution
from apps.execution.models import DayClose, Fill
from apps.markets import selectors as market_state
from apps.markets import services as markets
from apps.markets.models import OfficialMark
from apps.risk.models import ScopeBook
from tests.execution.builders import Floor
from tests.execution.test_valuing import book, move_price
from tests.markets.builders import BY
from tests.races import codes, race

DAY = date(2024, 1, 1)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def real_days(real_floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Floor:
    """The bot is long 2 at 100 when the next day begins; nothing has been valued on it yet."""
    real_floor.hold_position("2")
    real_floor.pass_time(1)
    traded = dict.fromkeys(Fill.objects.values_list("market_at", flat=True), DAY)
    ScopeBook.objects.update(trading_day=None)
    move_price(real_floor, monkeypatch, "100")
    monkeypatch.setattr(market_state, "trading_day", lambda *_: DAY)
    execution.mark_books()
    monkeypatch.setattr(market_state, "trading_day", lambda _, at: traded.get(at, NEXT))
    monkeypatch.setattr(market_state, "mark_measures", lambda *_: [Decimal(100)])
    return real_floor


def mark_of(floor: Floor, price: str) -> OfficialMark:
    said: dict[str, Any] = {"instrument": floor.instrument, "trading_day": DAY, "price": price}
    return markets.state_mark(**said, kind="close", source="exchange", **BY)


def test_two_workers_close_a_day_once(real_days: Floor) -> None:
    assert codes(race(execution.mark_books, execution.mark_books, execution.mark_books)) == []

    assert DayClose.objects.count() == 1
    assert book(real_days).trading_day == NEXT


def test_two_workers_restate_a_day_once(real_days: Floor) -> None:
    execution.mark_books()
    start = book(real_days).pnl_at_open
    mark_of(real_days, "98")

    outcomes = race(execution.restate_days, execution.restate_days, execution.restate_days)
    execution.restate_days()

    assert codes(outcomes) == []
    assert book(real_days).pnl_at_open == start - 4
    assert DayClose.objects.get().restated_base == -4


def test_a_mark_and_a_turn_at_once_end_with_the_mark_applied(real_days: Floor) -> None:
    assert codes(race(execution.mark_books, lambda: mark_of(real_days, "98"), execution.restate_days)) == []
    execution.restate_days()

    assert DayClose.objects.get().restated_base == -4
    assert book(real_days).pnl_at_open - book(real_days).pnl == -4


def test_the_same_mark_twice_at_once_is_one(real_days: Floor) -> None:
    outcomes = race(*[lambda: mark_of(real_days, "98")] * 3)

    assert codes(outcomes) == []
    assert OfficialMark.objects.count() == 1
