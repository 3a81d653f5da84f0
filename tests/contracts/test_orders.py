"""The contract of every adapter: orders in, changed, cancelled and looked up."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from apps.venues.adapters.base import VenueOrderState, VenueRejected
from tests.contracts.rigs import SYMBOL, AlpacaRig, Rig, WireRig, make_order, new_id, new_terms

OPEN, CANCELED, FILLED = VenueOrderState.OPEN, VenueOrderState.CANCELED, VenueOrderState.FILLED


def test_a_submitted_order_is_open_under_our_id(rig: Rig) -> None:
    order = make_order()

    answer = rig.adapter.submit(order)

    assert (answer.client_order_id, answer.symbol, answer.side) == (order.client_order_id, SYMBOL, "BUY")
    assert (answer.order_type, answer.quantity, answer.limit_price) == ("LIMIT", 3, 101)
    assert (answer.state, answer.filled_quantity, answer.average_price) == (OPEN, 0, None)
    assert rig.adapter.order_by_client_id(order.client_order_id) == answer
    assert rig.adapter.open_orders() == [answer]


def test_the_same_id_twice_is_one_order_and_the_same_answer(rig: Rig) -> None:
    order = make_order()

    first, second = rig.adapter.submit(order), rig.adapter.submit(order)

    assert first == second
    assert rig.count(order.client_order_id) == 1


def test_an_id_is_never_used_again_even_after_its_order_has_ended(rig: Rig) -> None:
    order = make_order()
    rig.adapter.submit(order)
    rig.adapter.cancel(order.client_order_id)

    again = rig.adapter.submit(order)

    assert again.state == CANCELED
    assert rig.count(order.client_order_id) == 1
    assert rig.adapter.open_orders() == []


def test_a_refused_order_raises_with_the_venues_code_and_is_not_open(rig: Rig) -> None:
    order = make_order(quantity=Decimal(1_000_000))

    with pytest.raises(VenueRejected) as rejection:
        rig.adapter.submit(order)

    assert rejection.value.code == rig.reject_code
    assert rig.adapter.open_orders() == []


def test_a_symbol_that_the_venue_does_not_have_is_refused(rig: Rig) -> None:
    with pytest.raises(VenueRejected):
        rig.adapter.submit(make_order(symbol="DOGE-EUR"))

    assert rig.adapter.open_orders() == []


def test_an_unknown_order_is_none_and_cannot_be_cancelled_or_replaced(rig: Rig) -> None:
    unknown = make_order()

    assert rig.adapter.order_by_client_id(unknown.client_order_id) is None
    with pytest.raises(VenueRejected):
        rig.adapter.cancel(unknown.client_order_id)
    with pytest.raises(VenueRejected):
        rig.adapter.replace(new_terms(unknown))


def test_a_cancelled_order_is_no_longer_open(rig: Rig) -> None:
    kept, gone = make_order(), make_order()
    for order in (kept, gone):
        rig.adapter.submit(order)

    assert rig.adapter.cancel(gone.client_order_id).state == CANCELED

    assert [order.client_order_id for order in rig.adapter.open_orders()] == [kept.client_order_id]
    found = rig.adapter.order_by_client_id(gone.client_order_id)
    assert found is not None
    assert found.state == CANCELED


def test_cancelling_an_ended_order_answers_with_it_as_it_is(rig: Rig) -> None:
    order = make_order()
    rig.adapter.submit(order)
    for _ in range(3):
        rig.fill(order.client_order_id)

    answer = rig.adapter.cancel(order.client_order_id)

    assert (answer.state, answer.filled_quantity) == (FILLED, 3)
    assert rig.adapter.cancel(order.client_order_id) == answer


def test_a_partly_filled_order_stays_open_with_what_is_filled(rig: Rig) -> None:
    order = make_order()
    rig.adapter.submit(order)
    rig.fill(order.client_order_id)

    found = rig.adapter.order_by_client_id(order.client_order_id)

    assert found is not None
    assert (found.state, found.quantity, found.filled_quantity, found.average_price) == (OPEN, 3, 1, 100)


def test_cancelling_a_partly_filled_order_keeps_its_fills(rig: Rig) -> None:
    order = make_order()
    rig.adapter.submit(order)
    rig.fill(order.client_order_id)

    answer = rig.adapter.cancel(order.client_order_id)

    assert (answer.state, answer.filled_quantity) == (CANCELED, 1)


@pytest.mark.parametrize(
    "change",
    [{"order_type": "TRAILING_STOP"}, {"time_in_force": "OPG"}, {"side": "HOLD"}, {"quantity": Decimal("-1")}],
)
def test_what_no_venue_declares_is_refused(rig: Rig, change: dict[str, Any]) -> None:
    with pytest.raises(VenueRejected):
        rig.adapter.submit(replace(make_order(), **change))

    assert rig.adapter.open_orders() == []


def test_every_declared_type_and_time_in_force_is_taken(rig: Rig) -> None:
    can = rig.adapter.capabilities()
    for order_type in sorted(can.order_types):
        limit = Decimal(101) if "LIMIT" in order_type else None
        stop = Decimal(120) if "STOP" in order_type else None
        order = make_order(order_type=order_type, quantity=Decimal(1), limit_price=limit, stop_price=stop)

        answer = rig.adapter.submit(order)

        assert (answer.order_type, answer.limit_price, answer.stop_price) == (order_type, limit, stop)
        found = rig.adapter.order_by_client_id(order.client_order_id)
        assert found is not None
        assert (found.order_type, found.limit_price, found.stop_price) == (order_type, limit, stop)
    for time_in_force in sorted(can.times_in_force):
        assert rig.adapter.submit(make_order(time_in_force=time_in_force)).state == OPEN


def test_wishes_are_taken_where_declared_and_refused_before_the_wire_elsewhere(rig: Rig) -> None:
    can = rig.adapter.capabilities()

    for wish, is_declared in {"is_post_only": can.has_post_only, "is_reduce_only": can.has_reduce_only}.items():
        order = make_order(limit_price=Decimal(90), **{wish: True})
        if is_declared and wish == "is_post_only":
            assert rig.adapter.submit(order).state == OPEN
        elif not is_declared:
            with pytest.raises(VenueRejected) as rejection:
                rig.adapter.submit(order)
            assert rejection.value.code == "VENUE_CANNOT"
            assert rig.count(order.client_order_id) == 0


def test_extended_hours_are_asked_for_where_declared_and_refused_before_the_wire_elsewhere(rig: Rig) -> None:
    can = rig.adapter.capabilities()
    lasts = "DAY" if can.has_extended_hours else "GTC"
    order = make_order(limit_price=Decimal(90), time_in_force=lasts, is_extended_hours=True)

    if can.has_extended_hours:
        other = make_order(limit_price=Decimal(90), time_in_force="DAY")
        for asked in (order, other):
            assert rig.adapter.submit(asked).state == OPEN
        assert [rig.is_extended(asked.client_order_id) for asked in (order, other)] == [True, False]
        return
    with pytest.raises(VenueRejected) as rejection:
        rig.adapter.submit(order)
    assert rejection.value.code == "VENUE_CANNOT"
    assert rig.count(order.client_order_id) == 0


@pytest.mark.parametrize("terms", [{"time_in_force": "GTC"}, {"order_type": "MARKET", "limit_price": None}])
def test_extended_hours_are_for_limit_orders_of_the_day(rig: Rig, terms: dict[str, Any]) -> None:
    order = make_order(**{"limit_price": Decimal(90), "time_in_force": "DAY", "is_extended_hours": True} | terms)

    with pytest.raises(VenueRejected):
        rig.adapter.submit(order)
    assert rig.adapter.open_orders() == []


def test_a_replaced_order_has_its_new_terms_under_our_id(rig: Rig) -> None:
    order = make_order()
    rig.adapter.submit(order)
    wanted = new_terms(order, quantity=Decimal(2), limit_price=Decimal(99))
    if not rig.adapter.capabilities().has_replace:
        with pytest.raises(VenueRejected) as rejection:
            rig.adapter.replace(wanted)
        assert rejection.value.code == "VENUE_CANNOT"
        return

    answers = [rig.adapter.replace(wanted), rig.adapter.replace(wanted)]

    for answer in (*answers, rig.adapter.order_by_client_id(order.client_order_id), *rig.adapter.open_orders()):
        assert answer is not None
        assert (answer.client_order_id, answer.state) == (order.client_order_id, OPEN)
        assert (answer.quantity, answer.limit_price) == (2, 99)
    assert len(rig.adapter.orders_since("", 10)) == 1


def test_a_venue_that_replaces_in_place_keeps_the_order_itself(rig: Rig) -> None:
    can = rig.adapter.capabilities()
    if not can.has_replace:
        assert not can.replaces_in_place
        return
    order = make_order()
    placed = rig.adapter.submit(order)

    answer = rig.adapter.replace(new_terms(order, quantity=Decimal(2)))

    assert (answer.quantity, answer.limit_price) == (2, order.limit_price)
    assert (answer.venue_order_id == placed.venue_order_id) == can.replaces_in_place


def test_an_ended_order_is_not_replaced(rig: Rig) -> None:
    order = make_order()
    rig.adapter.submit(order)
    rig.adapter.cancel(order.client_order_id)

    with pytest.raises(VenueRejected):
        rig.adapter.replace(new_terms(order, quantity=Decimal(2)))

    found = rig.adapter.order_by_client_id(order.client_order_id)
    assert found is not None
    assert (found.state, found.quantity) == (CANCELED, 3)


@pytest.mark.parametrize("symbol", [None, SYMBOL])
def test_cancel_all_leaves_nothing_open(rig: Rig, symbol: str | None) -> None:
    for _ in range(3):
        rig.adapter.submit(make_order())
    if not rig.adapter.capabilities().has_cancel_all:
        with pytest.raises(VenueRejected) as rejection:
            rig.adapter.cancel_all(symbol)
        assert rejection.value.code == "VENUE_CANNOT"
        return

    rig.adapter.cancel_all(symbol)
    rig.adapter.cancel_all(symbol)

    assert rig.adapter.open_orders() == []
    assert {order.state for order in rig.adapter.orders_since("", 10)} == {CANCELED}


def test_numbers_keep_every_digit_that_the_venue_has(rig: Rig) -> None:
    quantity, price = rig.exact_terms

    order = make_order(quantity=quantity, limit_price=price)
    answer = rig.adapter.submit(order)
    found = rig.adapter.order_by_client_id(order.client_order_id)

    assert found is not None
    for seen in (answer, found):
        assert (seen.quantity, seen.limit_price) == (quantity, price)


def test_tenths_stay_tenths(rig: Rig) -> None:
    for number in ("0.1", "0.2", "0.3"):
        order = make_order(new_id(), quantity=Decimal(number))
        rig.adapter.submit(order)

    total = sum((order.quantity for order in rig.adapter.open_orders()), Decimal(0))

    assert total == Decimal("0.6")


@pytest.mark.parametrize("change", [{"quantity": Decimal("0.000000005")}, {"limit_price": Decimal("100.001")}])
def test_what_an_exchange_would_round_is_refused_before_the_wire(wire: WireRig, change: dict[str, Any]) -> None:
    order = make_order(**change)
    if wire.exact_terms == AlpacaRig.exact_terms:
        assert wire.adapter.submit(order).quantity == order.quantity
        return

    with pytest.raises(VenueRejected) as rejection:
        wire.adapter.submit(order)

    assert rejection.value.code == "VENUE_CANNOT"
    assert wire.server.acts["submit"] == 0
