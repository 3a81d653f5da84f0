"""Comparing two books, without a database."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.reconciliation import rules
from apps.reconciliation.rules import Books, FillLine, Kind, OrderLine
from apps.reconciliation.states import BreakKind

ONE = Decimal(1)
FILL = FillLine("order", "BTC-USD", "BUY", ONE, Decimal(100), Decimal("0.1"))
OURS = Books({"order": OrderLine("FILLED", ONE)}, {"t-1": FILL}, {"BTC-USD": ONE}, {"USD": Decimal(900)})
THEIRS = replace(OURS, orders={"order": OrderLine("filled", ONE)})


def kinds(ours: Books, theirs: Books) -> list[tuple[str, str]]:
    return [(found.kind.value, found.key) for found in rules.compare(ours, theirs)]


def test_kinds_are_the_kinds_of_breaks() -> None:
    assert {kind.value for kind in Kind} == set(BreakKind.values)


def test_books_that_agree_have_no_difference() -> None:
    assert rules.compare(OURS, THEIRS) == []


def test_a_fill_that_only_the_venue_has_is_missing_here() -> None:
    assert kinds(replace(OURS, fills={}), THEIRS) == [("missing_fill_here", "t-1")]


def test_a_fill_that_only_we_have_is_missing_there() -> None:
    assert kinds(OURS, replace(THEIRS, fills={})) == [("missing_fill_there", "t-1")]


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": Decimal(2)},
        {"price": Decimal("100.01")},
        {"fee": Decimal(0)},
        {"side": "SELL"},
        {"symbol": "ETH-USD"},
        {"client_order_id": "another"},
    ],
)
def test_a_fill_with_any_other_figure_differs(change: dict[str, object]) -> None:
    theirs = replace(THEIRS, fills={"t-1": replace(FILL, **change)})

    assert kinds(OURS, theirs) == [("fill_differs", "t-1")]


def test_an_order_that_is_not_ours_is_unknown() -> None:
    assert kinds(replace(OURS, orders={}), THEIRS) == [("unknown_order", "order")]


def test_an_order_that_the_venue_does_not_know_is_missing() -> None:
    assert kinds(OURS, replace(THEIRS, orders={})) == [("order_missing", "order")]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("ACCEPTED", "open"),
        ("PARTIALLY_FILLED", "open"),
        ("PENDING_CANCEL", "open"),
        ("FILLED", "filled"),
        ("CANCELED", "canceled"),
        ("EXPIRED", "expired"),
        ("REJECTED", "rejected"),
    ],
)
def test_the_same_state_in_both_vocabularies_is_no_difference(ours: str, theirs: str) -> None:
    for state in ("open", "filled", "canceled", "expired", "rejected"):
        found = kinds(
            replace(OURS, orders={"order": OrderLine(ours, ONE)}),
            replace(THEIRS, orders={"order": OrderLine(state, ONE)}),
        )
        assert found == ([] if state == theirs else [("order_differs", "order")])


def test_another_filled_quantity_differs() -> None:
    theirs = replace(THEIRS, orders={"order": OrderLine("filled", Decimal(2))})

    assert kinds(OURS, theirs) == [("order_differs", "order")]


@pytest.mark.parametrize("state", ["SUBMITTING", "UNKNOWN"])
def test_an_order_in_flight_may_or_may_not_be_there(state: str) -> None:
    ours = replace(OURS, orders={"order": OrderLine(state, Decimal(0), was_acknowledged=False)})

    assert rules.compare(ours, THEIRS) == []
    assert rules.compare(ours, replace(THEIRS, orders={})) == []


@pytest.mark.parametrize("state", ["INITIALIZED", "DENIED", "NOT_SENT"])
def test_an_order_that_never_left_must_not_be_there(state: str) -> None:
    ours = replace(OURS, orders={"order": OrderLine(state, Decimal(0), was_acknowledged=False)})

    assert rules.compare(ours, replace(THEIRS, orders={})) == []
    assert kinds(ours, THEIRS) == [("order_differs", "order")]


def test_an_order_cancelled_before_it_left_need_not_be_there() -> None:
    unsent = OrderLine("CANCELED", Decimal(0), was_acknowledged=False)
    sent = replace(unsent, was_acknowledged=True)

    assert rules.compare(replace(OURS, orders={"order": unsent}), replace(THEIRS, orders={})) == []
    assert kinds(replace(OURS, orders={"order": sent}), replace(THEIRS, orders={})) == [("order_missing", "order")]


def test_positions_and_cash_are_compared_by_key_from_zero() -> None:
    theirs = replace(THEIRS, positions={"ETH-USD": ONE}, cash={"USD": Decimal("900.00"), "EUR": Decimal(0)})

    assert kinds(OURS, theirs) == [("position", "BTC-USD"), ("position", "ETH-USD")]


def test_the_smallest_difference_of_cash_counts() -> None:
    theirs = replace(THEIRS, cash={"USD": Decimal("900.000000000000000001")})

    found = rules.compare(OURS, theirs)

    assert [(f.kind, f.ours, f.theirs) for f in found] == [
        (Kind.CASH, {"amount": "900"}, {"amount": "900.000000000000000001"})
    ]


def test_only_what_both_looks_show_is_confirmed() -> None:
    in_flight = rules.compare(replace(OURS, fills={}), THEIRS)
    lasting = rules.compare(replace(OURS, positions={}), THEIRS)

    assert rules.confirm(in_flight + lasting, lasting) == lasting
    assert rules.confirm(in_flight, []) == []
    assert rules.confirm([], lasting) == []


def test_a_position_is_off_by_the_same_while_both_sides_trade_on() -> None:
    first = rules.compare(OURS, replace(THEIRS, positions={"BTC-USD": Decimal(3)}))
    second = rules.compare(
        replace(OURS, positions={"BTC-USD": Decimal(5)}), replace(THEIRS, positions={"BTC-USD": Decimal(7)})
    )
    other = rules.compare(OURS, replace(THEIRS, positions={"BTC-USD": Decimal(9)}))

    assert rules.confirm(first, second) == second
    assert rules.confirm(first, other) == []


def test_what_must_be_looked_at_now_is_critical() -> None:
    critical = {kind for kind in Kind if rules.Difference(kind, "key", None, None).is_critical}

    assert critical == {
        Kind.POSITION,
        Kind.MISSING_FILL_HERE,
        Kind.MISSING_FILL_THERE,
        Kind.UNKNOWN_ORDER,
        Kind.UNKNOWN_TRADE,
        Kind.OVERFILL,
    }
