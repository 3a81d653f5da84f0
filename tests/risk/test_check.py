"""The pre-trade check, code by code: what is denied, and what just passes."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from apps.risk import rules
from tests.risk.facts import (
    DESK,
    ENTITLED,
    FLAT,
    LIMITS,
    MARKET,
    OPEN,
    ORDER,
    SCOPE_LIMITS,
    VENUE,
    codes,
    with_fields,
)

LIMIT = {"order_type": "LIMIT"}
LONG = {"position": "5"}
EXIT = {"purpose": "EXIT", "side": "SELL"}


def test_an_order_within_every_bound_passes() -> None:
    assert codes() == []


def test_an_unknown_instrument_is_denied_alone() -> None:
    order = with_fields(ORDER, {"quantity": "NaN"})
    others = {"entitlements": ENTITLED, "venue": VENUE, "session": OPEN, "scopes": [DESK]}

    assert [denial.code for denial in rules.check(order, None, FLAT, LIMITS, MARKET, **others)] == [
        "INSTRUMENT_UNKNOWN"
    ]


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_quantity_that_is_no_number_above_zero_is_denied_alone(quantity: str) -> None:
    assert codes(quantity=quantity, exposure={"trading_state": rules.HALTED}) == ["QUANTITY_NOT_POSITIVE"]


@pytest.mark.parametrize("field", ["limit_price", "stop_price"])
@pytest.mark.parametrize("price", ["0", "-1", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_price_that_is_no_number_above_zero_is_denied(field: str, price: str) -> None:
    prices = {"limit_price": "100", "stop_price": "100"} | {field: price}

    assert codes(order_type="STOP_LIMIT", **prices) == ["PRICE_NOT_POSITIVE"]


@pytest.mark.parametrize(("quantity", "denied"), [("1.5", []), ("1.25", ["QUANTITY_STEP"]), ("0.1", ["QUANTITY_STEP"])])
def test_a_quantity_keeps_the_lot(quantity: str, denied: list[str]) -> None:
    assert codes(quantity=quantity) == denied


@pytest.mark.parametrize("field", ["limit_price", "stop_price"])
@pytest.mark.parametrize(("price", "denied"), [("100.25", []), ("100.1", ["PRICE_STEP"])])
def test_a_price_keeps_the_tick(field: str, price: str, denied: list[str]) -> None:
    prices = {"limit_price": "100", "stop_price": "100"} | {field: price}

    assert codes(order_type="STOP_LIMIT", **prices) == denied


def test_a_step_is_exact_where_the_default_precision_is_not() -> None:
    huge = dict.fromkeys(LIMITS, Decimal("1e30"))
    wide = with_fields(DESK, {"limits": dict.fromkeys(SCOPE_LIMITS, Decimal("1e30"))})
    room = {"limits": huge, "scopes": [wide], "venue": {"buying_power": "1e30"}}
    fine = {"lot_size": "0.000000000000000001"}

    assert codes(instrument=fine, quantity="12345678901234567890.123456789012345678", **room) == []


@pytest.mark.parametrize(
    ("order_type", "prices", "denied"),
    [
        ("MARKET", {}, []),
        ("LIMIT", {"limit_price": "100"}, []),
        ("LIMIT", {}, ["PRICE_MISSING"]),
        ("STOP", {"stop_price": "100"}, []),
        ("STOP", {"limit_price": "100"}, ["PRICE_MISSING"]),
        ("STOP_LIMIT", {"limit_price": "100"}, ["PRICE_MISSING"]),
        ("STOP_LIMIT", {}, ["PRICE_MISSING", "PRICE_MISSING"]),
    ],
)
def test_a_type_has_its_prices(order_type: str, prices: dict[str, str], denied: list[str]) -> None:
    assert codes(order_type=order_type, **prices) == denied


def test_a_paper_order_on_a_live_account_is_denied() -> None:
    assert codes(exposure={"mode_agrees": False}) == ["MODE_MISMATCH"]


def test_an_instrument_outside_the_blast_radius_is_denied() -> None:
    assert codes(instrument={"is_entitled": False}) == ["INSTRUMENT_NOT_ENTITLED"]


@pytest.mark.parametrize(("quantity", "denied"), [("10", []), ("10.5", ["QUANTITY_ABOVE_LIMIT"])])
def test_quantity_per_order(quantity: str, denied: list[str]) -> None:
    assert codes(quantity=quantity, limits=LIMITS | {"order_notional": Decimal(10**9)}) == denied


@pytest.mark.parametrize(("bound", "denied"), [("200", []), ("199.99", ["NOTIONAL_ABOVE_LIMIT"])])
def test_notional_counts_price_multiplier_and_rate(bound: str, denied: list[str]) -> None:
    limits = LIMITS | {"order_notional": Decimal(bound)}

    assert codes(limits=limits) == denied
    assert codes(limits=limits, quantity="2", market={"base_rate": Decimal("0.5")}) == denied


@pytest.mark.parametrize(("price", "denied"), [("101", []), ("100", []), ("50", [])])
def test_notional_takes_the_dearest_price(price: str, denied: list[str]) -> None:
    at_reference = {"limits": LIMITS | {"order_notional": Decimal(202)}}

    assert codes(**LIMIT, limit_price=price, **at_reference) == denied
    assert codes(order_type="STOP", stop_price="101.25", **at_reference) == ["NOTIONAL_ABOVE_LIMIT"]


@pytest.mark.parametrize(
    ("side", "price", "denied"),
    [
        ("BUY", "101", []),
        ("BUY", "101.25", ["PRICE_OUTSIDE_COLLAR"]),
        ("BUY", "1", []),
        ("SELL", "99", []),
        ("SELL", "98.75", ["PRICE_OUTSIDE_COLLAR"]),
        ("SELL", "900", []),
    ],
)
def test_the_collar_bounds_the_worse_side_of_the_reference(side: str, price: str, denied: list[str]) -> None:
    limits = LIMITS | {"order_notional": Decimal(10**9)}

    assert codes(side=side, limit_price=price, limits=limits, **LIMIT) == denied


@pytest.mark.parametrize(
    ("side", "exposure", "denied"),
    [
        ("BUY", {"position": "11"}, []),
        ("BUY", {"position": "11.5"}, ["POSITION_ABOVE_LIMIT"]),
        ("BUY", {"position": "5", "working_buy": "6"}, []),
        ("BUY", {"position": "5", "working_buy": "6.5"}, ["POSITION_ABOVE_LIMIT"]),
        ("BUY", {"position": "11.5", "working_sell": "11.5"}, ["POSITION_ABOVE_LIMIT"]),
        ("SELL", {"position": "-11"}, []),
        ("SELL", {"position": "-5", "working_sell": "6.5"}, ["POSITION_ABOVE_LIMIT"]),
        ("SELL", {"position": "5", "working_sell": "16.5"}, ["POSITION_ABOVE_LIMIT"]),
        ("SELL", {"position": "-11.5", "working_buy": "11.5"}, ["POSITION_ABOVE_LIMIT"]),
    ],
)
def test_position_is_judged_at_its_worst(side: str, exposure: dict[str, str], denied: list[str]) -> None:
    assert codes(side=side, exposure=exposure) == denied


@pytest.mark.parametrize(("sent", "denied"), [(4, []), (5, ["RATE_ABOVE_LIMIT"]), (50, ["RATE_ABOVE_LIMIT"])])
def test_orders_per_minute(sent: int, denied: list[str]) -> None:
    assert codes(exposure={"orders_this_minute": sent}) == denied


@pytest.mark.parametrize(("sent", "denied"), [(5, []), (9, []), (10, ["RATE_ABOVE_LIMIT"])])
def test_exits_of_a_bot_have_a_reserve_of_their_own(sent: int, denied: list[str]) -> None:
    assert codes(exposure=LONG | {"orders_this_minute": sent}, **EXIT) == denied


def test_no_rate_keeps_a_person_from_leaving() -> None:
    assert codes(exposure=LONG | {"orders_this_minute": 10_000}, by_person=True, **EXIT) == []


STALE_MARKETS = [
    ({"reference_price": None}, "PRICE_MISSING"),
    ({"reference_price": None, "is_fresh": False}, "PRICE_MISSING"),
    ({"is_fresh": False}, "PRICE_STALE"),
]


@pytest.mark.parametrize(("market", "code"), STALE_MARKETS)
def test_without_a_fresh_price_nothing_goes_out(market: dict[str, Any], code: str) -> None:
    assert codes(market=market) == [code]
    assert codes(market=market, exposure=LONG, **EXIT) == [code]
    assert codes(market=market, exposure=LONG, by_person=True, **EXIT) == [code]


@pytest.mark.parametrize("market", [market for market, _ in STALE_MARKETS])
def test_the_limit_price_of_a_person_is_enough_to_leave_on_a_stale_feed(market: dict[str, Any]) -> None:
    silent = market | {"is_venue_price_fresh": False}

    assert codes(market=silent, exposure=LONG, by_person=True, limit_price="90", **LIMIT, **EXIT) == []


def test_the_limit_price_of_a_person_stays_within_the_collar_while_the_venue_states_a_price() -> None:
    leaving = {"market": {"is_fresh": False}, "exposure": LONG, "by_person": True} | LIMIT | EXIT

    assert codes(limit_price="99", **leaving) == []
    assert codes(limit_price="98.75", **leaving) == ["PRICE_OUTSIDE_COLLAR"]


def test_the_limit_price_of_an_order_that_has_none_is_not_enough() -> None:
    stale = {"is_fresh": False, "is_venue_price_fresh": False}

    assert codes(market=stale, exposure=LONG, by_person=True, limit_price="90", **EXIT) == ["PRICE_STALE"]


def test_the_limit_price_of_a_bot_is_not_enough_on_a_stale_feed() -> None:
    assert codes(market={"is_fresh": False}, exposure=LONG, limit_price="100", **LIMIT, **EXIT) == ["PRICE_STALE"]


def test_a_stale_decision_opens_nothing_but_may_leave() -> None:
    late = {"is_decision_fresh": False}

    assert codes(market=late) == ["DECISION_STALE"]
    assert codes(market=late, exposure=LONG, **EXIT) == []


def test_a_stale_rate_denies_an_increase_and_lets_an_exit_pass() -> None:
    assert codes(market={"base_rate": None}) == ["FX_RATE_STALE"]
    assert codes(market={"base_rate": None}, exposure=LONG, **EXIT) == []


@pytest.mark.parametrize(
    ("side", "quantity", "exposure", "denied"),
    [
        ("SELL", "5", {"position": "5"}, []),
        ("SELL", "5.5", {"position": "5"}, ["EXIT_EXCEEDS_POSITION"]),
        ("SELL", "3", {"position": "5", "working_sell": "2"}, []),
        ("SELL", "3.5", {"position": "5", "working_sell": "2"}, ["EXIT_EXCEEDS_POSITION"]),
        ("SELL", "1", {"position": "0", "working_buy": "9"}, ["EXIT_EXCEEDS_POSITION"]),
        ("SELL", "1", {"position": "-5"}, ["EXIT_EXCEEDS_POSITION"]),
        ("BUY", "5", {"position": "-5"}, []),
        ("BUY", "5", {"position": "-5", "working_buy": "0.5"}, ["EXIT_EXCEEDS_POSITION"]),
        ("BUY", "1", {"position": "5"}, ["EXIT_EXCEEDS_POSITION"]),
    ],
)
@pytest.mark.parametrize("kind", [{"purpose": "EXIT"}, {"purpose": "PROTECTIVE", "is_reduce_only": True}])
def test_a_reduction_never_crosses_zero(
    kind: dict[str, Any], side: str, quantity: str, exposure: dict[str, str], denied: list[str]
) -> None:
    assert codes(side=side, quantity=quantity, exposure=exposure, **kind) == denied


def test_an_exit_is_exempt_from_the_bounds_on_size() -> None:
    assert codes(quantity="50", exposure={"position": "50"}, **EXIT) == []


HOLDS = {
    (rules.ACTIVE, "OPENING"): (True, True),
    (rules.ACTIVE, "PROTECTIVE"): (True, True),
    (rules.ACTIVE, "EXIT"): (True, True),
    (rules.REDUCING, "OPENING"): (False, False),
    (rules.REDUCING, "PROTECTIVE"): (False, False),
    (rules.REDUCING, "EXIT"): (True, True),
    (rules.HALTED, "OPENING"): (False, False),
    (rules.HALTED, "PROTECTIVE"): (False, False),
    (rules.HALTED, "EXIT"): (False, True),
}


@pytest.mark.parametrize(("state", "purpose"), HOLDS)
@pytest.mark.parametrize("by_person", [False, True])
def test_every_hold_against_every_purpose_and_author(state: int, purpose: str, by_person: bool) -> None:
    passes = HOLDS[state, purpose][by_person]
    name = {rules.REDUCING: "HOLD_REDUCING", rules.HALTED: "HOLD_HALTED"}.get(state, "")

    assert rules.passes_holds(purpose, by_person, state) is passes
    found = codes(side="SELL", purpose=purpose, by_person=by_person, exposure=LONG | {"trading_state": state})
    assert found == ([] if passes else [name])


def test_the_matrix_of_holds_is_whole() -> None:
    assert set(HOLDS) == set(product((0, 1, 2), ("OPENING", "PROTECTIVE", "EXIT")))


def test_every_reason_is_named_at_once() -> None:
    found = codes(
        quantity="11",
        exposure={"trading_state": rules.HALTED, "orders_this_minute": 9, "position": "9"},
        market={"base_rate": None},
        session={"is_open": False},
        desk={"open_orders": 20},
    )

    assert found == [
        "FX_RATE_STALE",
        "HOLD_HALTED",
        "OPEN_ORDERS_ABOVE_LIMIT",
        "POSITION_ABOVE_LIMIT",
        "QUANTITY_ABOVE_LIMIT",
        "RATE_ABOVE_LIMIT",
        "SESSION_CLOSED",
    ]


def test_the_strictest_source_wins_for_each_kind() -> None:
    firm, bot = {"position": Decimal(5), "collar_bps": Decimal(1)}, {"position": Decimal(3)}

    assert rules.strictest([firm, bot]) == {"position": Decimal(3), "collar_bps": Decimal(1)}
    assert rules.strictest([]) == {}


@pytest.mark.parametrize(
    ("quantity", "exposure", "rate", "denied"),
    [
        ("5", {}, Decimal(1), []),
        ("5.5", {}, Decimal(1), ["CAPITAL_EXCEEDED"]),
        ("1", {"position": "4.5"}, Decimal(1), ["CAPITAL_EXCEEDED"]),
        ("1", {"working_buy": "4.5"}, Decimal(1), ["CAPITAL_EXCEEDED"]),
        ("5", {}, Decimal("1.1"), ["CAPITAL_EXCEEDED"]),
        ("1", {}, None, ["FX_RATE_STALE"]),
    ],
)
def test_the_worst_position_must_fit_into_the_approved_capital(
    quantity: str, exposure: dict[str, str], rate: Decimal | None, denied: list[str]
) -> None:
    """Worth 200 a unit: a price of 100 and a multiplier of 2."""
    limits = LIMITS | {"capital": Decimal(1_000)}

    assert codes(quantity=quantity, exposure=exposure, limits=limits, market={"account_rate": rate}) == denied


@pytest.mark.parametrize(
    ("side", "stop", "limit", "denied"),
    [
        ("SELL", "80", "79.5", []),
        ("SELL", "80", "70", ["PRICE_OUTSIDE_COLLAR"]),
        ("BUY", "120", "120.5", []),
        ("BUY", "120", "140", ["PRICE_OUTSIDE_COLLAR"]),
        ("BUY", "90", "110", ["PRICE_OUTSIDE_COLLAR"]),
    ],
)
def test_a_stop_limit_is_measured_from_where_it_triggers(side: str, stop: str, limit: str, denied: list[str]) -> None:
    found = codes(side=side, order_type="STOP_LIMIT", stop_price=stop, limit_price=limit, market={"venue_price": "100"})

    assert [code for code in found if code == "PRICE_OUTSIDE_COLLAR"] == denied
