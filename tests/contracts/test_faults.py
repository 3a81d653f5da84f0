"""The contract of every adapter: when there is no clear answer it says so, and a lookup tells the truth."""

import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest

from apps.venues.adapters.base import NoAnswer, VenueOrderState, VenueRejected, VenueTimeout
from tests.contracts.rigs import PAPER_FAULTS, WIRES, Rig, WireRig, make_order, new_terms
from tests.contracts.server import UNANSWERED, Fault

SILENT = [fault for fault in Fault if fault not in (Fault.DUPLICATE, Fault.DELAY, Fault.DRIP)]
ON_PAPER = [("paper", fault) for fault in SILENT if fault in PAPER_FAULTS]
EVERYWHERE = [*ON_PAPER, *((name, fault) for name in WIRES for fault in SILENT)]
READS = ("lookup", "open_orders", "trades", "positions", "balances", "quote", "ping")


@pytest.mark.parametrize(("rig_of", "fault"), EVERYWHERE, indirect=["rig_of"])
def test_a_submit_without_an_answer_is_no_answer_and_the_lookup_tells(rig_of: Rig, fault: Fault) -> None:
    order = make_order()
    rig_of.fail("submit", fault)

    with pytest.raises(NoAnswer):
        rig_of.adapter.submit(order)

    found = rig_of.adapter.order_by_client_id(order.client_order_id)
    assert (found is None) == (fault in UNANSWERED)
    assert rig_of.count(order.client_order_id) == (0 if fault in UNANSWERED else 1)


@pytest.mark.parametrize(("rig_of", "fault"), EVERYWHERE, indirect=["rig_of"])
def test_a_cancel_without_an_answer_is_no_answer_and_the_lookup_tells(rig_of: Rig, fault: Fault) -> None:
    order = make_order()
    rig_of.adapter.submit(order)
    rig_of.fail("cancel", fault)

    with suppress(NoAnswer):
        assert rig_of.adapter.cancel(order.client_order_id).state == VenueOrderState.CANCELED

    found = rig_of.adapter.order_by_client_id(order.client_order_id)
    assert found is not None
    assert (found.state == VenueOrderState.OPEN) == (fault in UNANSWERED)


def test_a_submit_that_takes_too_long_is_a_timeout_within_its_time(rig: Rig) -> None:
    order, impatient = make_order(), rig.impatient()
    rig.fail("submit", Fault.DELAY)
    started = time.monotonic()

    with pytest.raises(VenueTimeout):
        impatient.submit(order)

    assert time.monotonic() - started < 5
    rig.deliver()
    assert rig.adapter.order_by_client_id(order.client_order_id) is not None
    assert rig.count(order.client_order_id) == 1


def test_an_answer_that_comes_byte_by_byte_is_a_timeout_too(wire: WireRig) -> None:
    order, impatient = make_order(), wire.impatient()
    wire.fail("submit", Fault.DRIP)
    started = time.monotonic()

    with pytest.raises(VenueTimeout):
        impatient.submit(order)

    assert time.monotonic() - started < 5
    assert wire.adapter.order_by_client_id(order.client_order_id) is not None


def test_a_submit_that_arrives_twice_is_one_order(rig: Rig) -> None:
    order = make_order()
    rig.fail("submit", Fault.DUPLICATE)

    with suppress(NoAnswer):
        assert rig.adapter.submit(order).state == VenueOrderState.OPEN

    assert rig.count(order.client_order_id) == 1
    assert rig.adapter.order_by_client_id(order.client_order_id) is not None


@pytest.mark.parametrize("act", READS)
def test_a_read_without_an_answer_is_no_answer(wire: WireRig, act: str) -> None:
    order = make_order()
    wire.adapter.submit(order)
    wire.fill(order.client_order_id)
    reads: dict[str, Callable[[], object]] = {
        "lookup": lambda: wire.adapter.order_by_client_id(order.client_order_id),
        "open_orders": wire.adapter.open_orders,
        "trades": lambda: wire.adapter.trades_since(0, 10),
        "positions": wire.adapter.positions,
        "balances": wire.adapter.balances,
        "quote": lambda: wire.adapter.quote(order.symbol),
        "ping": wire.adapter.ping,
    }
    for fault in SILENT:
        wire.fail("balances" if act == "positions" and wire.reject_code == "INSUFFICIENT_FUNDS" else act, fault)

        with pytest.raises(NoAnswer):
            reads[act]()

        assert reads[act]() != []


@pytest.mark.parametrize("fault", [Fault.DROP_REQUEST, Fault.BUSY_429, Fault.ERROR_500, Fault.LATE_ERROR_503])
def test_the_library_sends_no_submit_twice(wire: WireRig, fault: Fault) -> None:
    wire.fail("submit", fault)

    with pytest.raises(NoAnswer):
        wire.adapter.submit(make_order())

    assert wire.server.acts["submit"] == 1


def test_a_refusal_and_then_silence_leaves_the_order_unknown(wire: WireRig) -> None:
    """The venue says that it has the id already; whether it does, only a lookup could tell."""
    order = make_order()
    wire.adapter.submit(order)
    wire.fail("lookup", Fault.DROP_REPLY)

    with pytest.raises(NoAnswer):
        wire.adapter.submit(order)

    assert wire.count(order.client_order_id) == 1


def test_a_replace_without_an_answer_leaves_old_or_new_terms_and_can_be_repeated(wire: WireRig) -> None:
    if not wire.adapter.capabilities().has_replace:
        with pytest.raises(VenueRejected):
            wire.adapter.replace(new_terms(make_order()))
        return
    for fault in SILENT:
        order = make_order()
        wire.adapter.submit(order)
        wanted = new_terms(order, quantity=Decimal(2))
        wire.fail("replace", fault)

        with pytest.raises(NoAnswer):
            wire.adapter.replace(wanted)

        found = wire.adapter.order_by_client_id(order.client_order_id)
        assert found is not None
        assert found.quantity == (3 if fault in UNANSWERED else 2)
        assert wire.adapter.replace(wanted).quantity == 2
    assert [order.quantity for order in wire.adapter.open_orders()] == [2] * len(SILENT)


def test_a_cancel_all_without_an_answer_is_no_answer(wire: WireRig) -> None:
    for fault in SILENT:
        wire.adapter.submit(make_order())
        wire.fail("cancel_all", fault)

        with pytest.raises(NoAnswer):
            wire.adapter.cancel_all()

        wire.adapter.cancel_all()
        assert wire.adapter.open_orders() == []
