"""The end of a trading day: what positions stood at, and the start that official marks give to the next day."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access.models import Firm
from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.errors import Refused
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import DayClose, Fill, Position
from apps.execution.services import day_closes, valuing
from apps.markets import selectors as market_state
from apps.markets import services as markets
from apps.markets.models import OfficialMark
from apps.risk.models import ScopeBook
from tests.builders import make_user
from tests.execution.builders import Floor
from tests.execution.test_gateway import second_bot
from tests.execution.test_valuing import book, in_euro, move_price
from tests.markets.builders import BY, write_rate

DAY = date(2024, 1, 1)
NEXT = DAY + timedelta(days=1)


class Days:
    """A floor whose market day and price the test sets."""

    def __init__(self, floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.floor, self.monkeypatch = floor, monkeypatch
        floor.pass_time(1)
        self.traded = dict.fromkeys(Fill.objects.values_list("market_at", flat=True), DAY)
        ScopeBook.objects.update(trading_day=None)
        self.value(DAY, "100")

    def value(self, day: date, price: str) -> None:
        """Value the books on a day at a price."""
        move_price(self.floor, self.monkeypatch, price)
        self.monkeypatch.setattr(market_state, "trading_day", lambda _, at: self.traded.get(at, day))
        execution.mark_books()

    def state(self, price: str, day: date = DAY, **overrides: Any) -> OfficialMark:
        """The official price of the day is known; whether it takes two is not asked here."""
        self.monkeypatch.setattr(market_state, "mark_measures", lambda *_: [Decimal(price)])
        said: dict[str, Any] = {"instrument": self.floor.instrument, "trading_day": day, "price": price}
        stated: dict[str, Any] = said | {"kind": "close", "source": "exchange"} | overrides
        return markets.state_mark(**stated, **BY)

    def agree(self, price: str) -> None:
        """Two risk owners agree on the official price of the first day."""
        rita, raj = (make_user(name, "risk owner", Firm.objects.get().scope) for name in ("rita", "raj"))
        said: dict[str, Any] = {"instrument": self.floor.instrument, "trading_day": DAY, "price": price}
        asked = markets.request_mark(**said, kind="close", source="exchange", actor=rita, reason="a split")
        ballot: dict[str, Any] = {"approve": True, "digest": asked.consent.digest, "reason": "seen"}
        markets.vote_mark(request=asked, actor=raj, **ballot)

    @property
    def lost(self) -> Decimal:
        """What the bot's scope has lost since its day began."""
        return book(self.floor).pnl_at_open - book(self.floor).pnl


@pytest.fixture
def days(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Days:
    """The bot is long 2 at 100 on the first day."""
    floor.hold_position("2")
    return Days(floor, monkeypatch)


def figures(floor: Floor) -> tuple[Any, ...]:
    """What no mark may move."""
    row, books = Position.objects.get(), book(floor)
    return row.quantity, row.value_base, row.pnl_base, books.gross, books.net, books.pnl, books.pnl_peak


def test_the_turn_of_the_day_keeps_what_a_position_stood_at(days: Days) -> None:
    days.value(NEXT, "104")

    row = DayClose.objects.get()
    assert (row.trading_day, row.opens, row.quantity, row.provisional_price) == (DAY, NEXT, 2, 104)
    assert (row.rate, row.multiplier, row.value_base) == (1, 1, 208)
    assert row.pnl_base == Position.objects.get().pnl_base
    assert row.pnl_day_base == 8
    assert str(days.floor.bot.scope_id) in row.scopes
    assert Position.objects.get().trading_day == NEXT


def test_the_same_day_and_an_earlier_one_keep_nothing(days: Days) -> None:
    days.value(DAY, "101")
    days.value(DAY - timedelta(days=1), "102")

    assert not DayClose.objects.exists()
    assert Position.objects.get().trading_day == DAY


def test_of_an_empty_position_nothing_is_kept(days: Days) -> None:
    with acting(**BY):
        Position.objects.update(quantity=0)
    days.value(NEXT, "104")

    assert not DayClose.objects.exists()
    assert Position.objects.get().trading_day == NEXT


def test_the_turn_reads_the_days_and_writes_the_positions_once_for_all(days: Days) -> None:
    """While it holds the books of the whole firm."""
    other = second_bot(days.floor)
    with acting(**BY):
        place = {"bot": other.bot, "account": other.account, "instrument": other.instrument}
        Position.objects.create(**place, quantity=2, average_price=100)
    days.value(DAY, "104")

    with CaptureQueriesContext(connection) as taken:
        days.value(NEXT, "104")

    told = [query["sql"] for query in taken]
    assert DayClose.objects.count() == 2
    assert sum(sql.startswith('UPDATE "execution_position"') for sql in told) == 1
    assert sum(sql.startswith('SELECT "risk_scopebook"."scope_id"') and "trading_day" in sql for sql in told) == 1
    assert not any("gross = gross" in sql for sql in told)


def test_an_official_mark_below_the_provisional_one_lowers_the_days_start(days: Days) -> None:
    """Long 2, provisional 100, official 98: the day began with 4 less, and 4 less are lost since."""
    days.value(NEXT, "100")
    days.value(NEXT, "95")
    start, kept = book(days.floor).pnl_at_open, figures(days.floor)
    assert days.lost == 10

    days.state("98")
    assert execution.restate_days() == 1

    assert (book(days.floor).pnl_at_open, days.lost) == (start - 4, 6)
    assert figures(days.floor) == kept
    row = DayClose.objects.get()
    assert (row.restated_base, row.provisional_price) == (-4, 100)
    assert row.mark is not None
    assert row.mark.price == 98
    assert execution.rebuild_books() == {}


def test_an_official_mark_lowers_a_short_positions_loss_the_other_way(days: Days) -> None:
    with acting(**BY):
        Position.objects.update(quantity=-2)
    days.value(NEXT, "100")
    lost = days.lost

    days.state("98")
    execution.restate_days()

    assert days.lost == lost + 4


def test_every_scope_above_the_position_begins_with_the_official_mark(days: Days) -> None:
    days.value(NEXT, "100")
    before = dict(ScopeBook.objects.values_list("scope_id", "pnl_at_open"))

    days.state("98")
    execution.restate_days()

    moved = {pk: start - before[pk] for pk, start in ScopeBook.objects.values_list("scope_id", "pnl_at_open")}
    assert len(moved) > 4
    assert set(moved.values()) == {-4}


def test_a_mark_counts_once_and_a_correction_by_the_difference(days: Days) -> None:
    days.value(NEXT, "100")
    days.state("98")
    execution.restate_days()
    lost = days.lost

    assert execution.restate_days() == 0
    days.state("98")  # the same message again
    assert execution.restate_days() == 0
    assert days.lost == lost

    days.state("99")
    assert execution.restate_days() == 1
    assert days.lost == lost + 2
    assert DayClose.objects.get().restated_base == -2


def test_a_worker_that_is_late_with_an_older_mark_undoes_no_correction(days: Days) -> None:
    days.value(NEXT, "100")
    older, newer = days.state("98"), days.state("99")
    execution.restate_days()
    lost = days.lost

    assert not day_closes.restate(close=DayClose.objects.get(), mark=older)

    assert (days.lost, DayClose.objects.get().mark) == (lost, newer)
    assert Record.objects.filter(act="day_close.restated").count() == 1


def test_a_day_without_a_rate_turns_when_there_is_one(days: Days) -> None:
    in_euro(days.floor)
    days.value(NEXT, "100")
    assert (book(days.floor).trading_day, Position.objects.get().trading_day) == (DAY, DAY)

    write_rate("USD", "EUR", "0.5")
    days.value(NEXT, "100")
    days.state("98")
    execution.restate_days()

    row = DayClose.objects.get()
    assert (row.rate, row.value_base, row.restated_base, days.lost) == (Decimal("0.5"), 100, -2, -2)


def test_a_mark_that_is_known_before_the_turn_counts_from_the_turn_on(days: Days) -> None:
    days.state("98")
    assert execution.restate_days() == 0

    days.value(NEXT, "100")
    assert days.lost == 0
    assert execution.restate_days() == 1

    assert days.lost == -4


def test_a_mark_of_a_day_before_the_last_moves_no_books(days: Days) -> None:
    days.value(NEXT, "100")
    days.value(NEXT + timedelta(days=1), "100")
    start = book(days.floor).pnl_at_open

    days.state("98")
    execution.restate_days()

    assert book(days.floor).pnl_at_open == start
    assert DayClose.objects.get(trading_day=DAY).restated_base == -4


def test_restating_is_recorded(days: Days) -> None:
    days.value(NEXT, "100")
    days.state("98")
    execution.restate_days()

    record = Record.objects.get(act="day_close.restated")
    assert (record.after, record.scope_id) == ({"mark": "98", "moved_base": "-4"}, days.floor.bot.scope_id)


def test_a_fill_between_valuation_and_turn_is_restated_from_the_price_in_the_books(days: Days) -> None:
    """What the books began with is what the mark is measured by, whatever a fill made of them before."""
    with acting(**BY):
        Position.objects.update(value_base=0)  # as if something had valued it elsewhere
    days.value(NEXT, "100")

    days.state("98")
    execution.restate_days()

    row = DayClose.objects.get()
    assert (row.value_base, days.lost) == (200, -4)


def test_a_worker_that_dies_between_leaves_neither_the_day_nor_its_close(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(day_closes, "keep", die)
        with pytest.raises(KeyboardInterrupt):
            days.value(NEXT, "100")
    assert (book(days.floor).trading_day, DayClose.objects.count()) == (DAY, 0)

    days.value(NEXT, "100")
    assert (book(days.floor).trading_day, DayClose.objects.count()) == (NEXT, 1)


def test_a_restating_worker_that_dies_moves_nothing_and_another_one_does(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    days.value(NEXT, "100")
    days.state("98")

    def die(**_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(day_closes.risk, "restate_open", die)
        with pytest.raises(KeyboardInterrupt):
            execution.restate_days()
    assert (days.lost, DayClose.objects.get().mark) == (0, None)

    days.floor.wall.advance(20)
    assert execution.restate_days() == 1
    assert days.lost == -4


def missing_alerts() -> list[str]:
    """States of the alerts of missing marks."""
    return list(Alert.objects.filter(code="OFFICIAL_MARK_MISSING").values_list("state", flat=True))


def test_a_mark_that_is_missing_alerts_and_is_cleared_when_it_comes(days: Days) -> None:
    days.state("99", DAY - timedelta(days=1))
    days.value(NEXT, "100")
    execution.restate_days()
    assert missing_alerts() == []

    days.floor.wall.advance(12 * 3600)
    execution.restate_days()
    assert missing_alerts() == ["open"]

    days.state("98")
    execution.restate_days()
    assert missing_alerts() == ["resolved"]


def test_an_instrument_that_never_had_an_official_mark_alerts_nobody(days: Days) -> None:
    days.value(NEXT, "100")
    execution.restate_days()
    days.floor.wall.advance(13 * 3600)
    execution.restate_days()

    assert missing_alerts() == []
    assert DayClose.objects.get().due_at is None


def test_a_mark_of_one_person_far_from_what_a_day_ended_at_restates_nothing(days: Days) -> None:
    """It was near the price when it was stated, before the day had ended."""
    days.state("100")
    days.value(NEXT, "200")
    assert execution.restate_days() == 0

    assert (days.lost, DayClose.objects.get().mark) == (0, None)


def test_a_mark_that_restates_nothing_alerts_until_two_agree(days: Days) -> None:
    days.state("100")
    days.value(NEXT, "200")
    execution.restate_days()
    days.floor.wall.advance(12 * 3600)
    execution.restate_days()
    assert missing_alerts() == ["open"]

    days.agree("100")
    execution.restate_days()

    assert missing_alerts() == ["resolved"]


def test_a_far_mark_that_two_agreed_on_restates_the_day(days: Days) -> None:
    days.value(NEXT, "200")
    days.agree("100")

    assert execution.restate_days() == 1

    assert DayClose.objects.get().restated_base == -200


def test_days_that_were_left_out_are_not_restated_by_the_mark_before_them(days: Days) -> None:
    days.value(NEXT + timedelta(days=1), "104")
    days.state("100")
    execution.restate_days()

    assert DayClose.objects.get().scopes == []
    assert days.lost == 0


def test_what_was_traded_since_the_boundary_is_not_restated(days: Days) -> None:
    days.traded.clear()
    days.value(NEXT, "104")
    days.state("100")
    execution.restate_days()

    assert DayClose.objects.get().scopes == []
    assert days.lost == 0


def test_a_position_turns_with_all_books_above_it(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    other = second_bot(days.floor)
    real = valuing._value

    def without_the_other(deployment: Deployment, currency: str) -> int:
        if deployment.pk == other.pk:
            raise Refused("FX_RATE_STALE", "no rate")
        return real(deployment, currency)

    monkeypatch.setattr(valuing, "_value", without_the_other)
    days.value(NEXT, "104")
    assert not DayClose.objects.exists()

    monkeypatch.setattr(valuing, "_value", real)
    days.value(NEXT, "104")

    assert str(Firm.objects.get().scope_id) in DayClose.objects.get().scopes
