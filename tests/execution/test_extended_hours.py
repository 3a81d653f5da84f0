"""Orders that ask to trade before and after the regular session: who may, when, and what reaches the venue."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from apps.common.errors import Refused
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.markets import services as markets
from apps.venues import services as venues
from apps.venues.models import Account
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, Line, make_floor, redeploy, work_orders
from tests.markets.builders import BY, Wall

# A Friday of a US exchange: session from 13:30 to 20:00 UTC, extended hours from 08:00 to midnight.
EVENING = datetime(2024, 7, 5, 18, tzinfo=UTC)
MORNING = datetime(2024, 7, 5, 8, tzinfo=UTC)
TUESDAY = datetime(2024, 7, 9, 18, tzinfo=UTC)
DAY = {"order_type": "LIMIT", "time_in_force": "DAY", "limit_price": "102"}
ASKING = DAY | {"is_extended_hours": True}
ENTITLED = {"permissions": {"extended_hours": True}}


def open_floor(
    folder: Path, wall: Wall, monkeypatch: pytest.MonkeyPatch, start: datetime = EVENING, **terms: Any
) -> Floor:
    """A floor of a stock, an hour after `start`; the bot is entitled."""
    line = Line()

    def unguarded(account: Account) -> object:
        return line.wrap(PaperAdapter(account.name, timeout_s=5))

    monkeypatch.setattr(venues, "adapter_for", unguarded)
    stock = {"start": start, "session_calendar": "XNYS"} | terms
    floor = make_floor(folder, wall, line, closes=["100"] * 40, feed_terms=stock)
    redeploy(floor, **ENTITLED)
    return floor


@pytest.fixture
def evening(db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Floor:
    """An hour before the close."""
    return open_floor(folder, wall, monkeypatch)


@pytest.fixture
def morning(db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Floor:
    """Hours before the open."""
    return open_floor(folder, wall, monkeypatch, MORNING)


def test_after_the_close_an_order_opens_only_if_it_asks_for_it(evening: Floor) -> None:
    evening.pass_time(2)

    assert evening.place(**DAY).codes == ["SESSION_CLOSED"]
    assert evening.place(**ASKING).codes == []


def test_so_it_is_before_the_open(morning: Floor) -> None:
    assert morning.place(**DAY).codes == ["SESSION_CLOSED"]
    assert morning.place(**ASKING).codes == []


def test_in_the_night_nothing_opens(evening: Floor) -> None:
    evening.pass_time(5)

    assert evening.place(**ASKING).codes == ["SESSION_CLOSED"]


def test_in_the_session_an_order_may_ask_too(evening: Floor) -> None:
    assert evening.place(**ASKING).codes == []


def test_the_wish_reaches_the_venue_and_fills_there(evening: Floor) -> None:
    evening.pass_time(2)
    order = evening.place(**ASKING)

    work_orders()
    evening.pass_time(1)
    execution.sync_account(evening.account)

    order.refresh_from_db()
    assert (order.is_extended_hours, order.state) == (True, OrderState.FILLED)
    assert PaperOrder.objects.get().is_extended_hours


def test_a_bot_needs_the_entitlement(evening: Floor) -> None:
    redeploy(evening, permissions={})

    assert evening.place(**ASKING).codes == ["EXTENDED_HOURS_NOT_ENTITLED"]


def test_only_limit_orders_for_the_day_may_ask(evening: Floor) -> None:
    for terms in ({"order_type": "MARKET", "limit_price": None}, {"time_in_force": "GTC"}):
        assert evening.place(**(ASKING | terms)).codes == ["EXTENDED_HOURS_NEED_LIMIT_DAY"], terms


def test_an_instrument_without_extended_hours_has_none(floor: Floor) -> None:
    redeploy(floor, **ENTITLED)

    assert floor.place(**ASKING).codes == ["EXTENDED_HOURS_UNKNOWN"]


def test_a_venue_that_has_none_is_not_even_asked(evening: Floor) -> None:
    ticket = evening.ticket(**ASKING)
    ticket.deployment.account.venue.settings = {"capabilities": {"has_extended_hours": False}}
    evening.hear()

    order = execution.place(ticket=ticket, **BY)
    work_orders()

    assert (order.codes, "submit" in evening.line.calls) == (["VENUE_CANNOT"], False)


def test_a_bot_that_must_be_flat_opens_nothing_after_the_close(evening: Floor) -> None:
    redeploy(evening, **ENTITLED, end_of_day={"policy": "flat"})
    evening.pass_time(2)

    assert evening.place(**ASKING).codes == ["FLAT_BEFORE_CLOSE"]


def test_before_the_open_it_has_the_day_before_it(morning: Floor) -> None:
    redeploy(morning, **ENTITLED, end_of_day={"policy": "flat"})

    assert morning.place(**ASKING).codes == []


def test_the_windows_of_the_bundle_bound_extended_hours_too(evening: Floor) -> None:
    until_close = [{"days": ["fri"], "from": "13:30", "until": "20:00"}]
    redeploy(evening, **ENTITLED, session_windows=until_close)
    evening.pass_time(2)

    assert evening.place(**ASKING).codes == ["SESSION_CLOSED"]


def test_a_halt_holds_in_extended_hours_too(evening: Floor) -> None:
    evening.pass_time(2)
    markets.set_market_state(instrument=evening.instrument, state="halted", source="exchange", **BY)

    assert evening.place(**ASKING).codes == ["INSTRUMENT_HALTED"]


def test_a_feed_that_is_silent_after_the_close_prices_nothing_there(
    db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = open_floor(folder, wall, monkeypatch, skip=range(2, 38))
    floor.pass_time(4)
    wall.advance(0.5)

    # By the market clock, which stands at the close, the hours after it have begun.
    assert floor.place(**ASKING).codes == ["PRICE_STALE"]


def test_where_the_last_bar_of_the_evening_is_missing_nothing_opens_in_the_night(
    db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = open_floor(folder, wall, monkeypatch, skip=range(5, 38))
    floor.pass_time(4)
    before = floor.place(**ASKING)

    floor.pass_time(1)

    # The newest bar ended at 23:00 and none is overdue, yet it is midnight.
    assert (before.codes, floor.place(**ASKING).codes) == ([], ["SESSION_CLOSED"])


def test_where_the_last_bar_of_the_session_is_missing_nothing_opens_after_the_close(
    db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = open_floor(folder, wall, monkeypatch, skip=[1])
    before = floor.place(**DAY)

    floor.pass_time(1)

    assert (before.codes, floor.place(**DAY).codes) == ([], ["SESSION_CLOSED"])


def test_the_price_of_one_session_opens_nothing_in_the_next(
    db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = open_floor(folder, wall, monkeypatch, TUESDAY, skip=range(1, 20))
    floor.pass_time(19)

    # It is half an hour past the open of Wednesday, and no bar came since an hour before the close.
    assert floor.place(**DAY).codes == ["SESSION_CLOSED"]


def test_with_the_first_bar_of_the_session_orders_open(morning: Floor) -> None:
    morning.pass_time(5)

    assert morning.place(**DAY).codes == []


def test_an_exit_passes_after_a_close_without_a_bar(
    db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = open_floor(folder, wall, monkeypatch, EVENING - timedelta(hours=2), skip=[3])
    floor.hold_position("2")
    floor.pass_time(1)

    assert floor.place(side="SELL", purpose="EXIT").codes == []


def test_an_exit_passes_in_extended_hours_entitled_or_not(evening: Floor) -> None:
    evening.hold_position("2")
    redeploy(evening, permissions={})
    evening.pass_time(2)
    order = evening.place(**(ASKING | {"side": "SELL", "purpose": "EXIT", "limit_price": "99"}))

    work_orders()
    evening.pass_time(1)
    execution.sync_account(evening.account)

    order.refresh_from_db()
    assert (order.codes, order.state) == ([], OrderState.FILLED)


def test_a_person_gets_out_after_the_close(evening: Floor) -> None:
    evening.hold_position("2")
    evening.pass_time(2)
    work = {"deployment": evening.deployment, "actor": evening.trader, "reason": "out"}

    order = execution.close_position(**work, limit_price=99, extended_hours=True)

    assert (order.codes, order.time_in_force, order.is_extended_hours) == ([], "DAY", True)
    work_orders()
    evening.pass_time(1)
    assert PaperOrder.objects.get(client_order_id=order.client_order_id.hex).state == "filled"


def test_new_terms_are_judged_by_the_wish_and_keep_it(evening: Floor) -> None:
    order = evening.place(**(ASKING | {"limit_price": "96"}))
    work_orders()
    evening.pass_time(2)

    execution.replace(order=order, limit_price=order.limit_price - 1, actor=evening.trader, reason="lower")
    work_orders()

    order.refresh_from_db()
    held = PaperOrder.objects.get()
    assert (order.state, order.limit_price, order.is_extended_hours) == (OrderState.ACCEPTED, 95, True)
    assert (held.limit_price, held.is_extended_hours) == (95, True)


def test_new_terms_of_an_order_that_did_not_ask_wait_for_the_session(evening: Floor) -> None:
    order = evening.place(**(DAY | {"limit_price": "96", "time_in_force": "GTC"}))
    work_orders()
    evening.pass_time(2)

    with pytest.raises(Refused) as refused:
        execution.replace(order=order, limit_price=order.limit_price - 1, actor=evening.trader, reason="lower")

    order.refresh_from_db()
    assert (refused.value.context["codes"], order.limit_price) == (["SESSION_CLOSED"], 96)


def test_an_id_names_an_order_with_its_wish(evening: Floor) -> None:
    name = uuid4()
    evening.place(client_order_id=name, **ASKING)

    with pytest.raises(Refused) as refused:
        evening.place(client_order_id=name, **DAY)

    assert (refused.value.code, Order.objects.count()) == ("CLIENT_ORDER_ID_TAKEN", 1)
