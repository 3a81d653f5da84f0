"""Every control against every purpose: what a breach stops, and what it must not stand in the way of (design §6)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from apps.risk import rules
from tests.risk.facts import DESK, LIMITS, SCOPE_LIMITS, TIMES, TYPES, codes, without

ANY, ADDING, OPENING = "OPENING PROTECTIVE EXIT", "OPENING PROTECTIVE", "OPENING"
LIMIT = {"order_type": "LIMIT", "limit_price": "100"}
EXTENDED = LIMIT | {"time_in_force": "DAY", "is_extended_hours": True}
AROUND = {"is_open": False, "is_extended": True}
AFTER = {"closes_in_s": -60, "flat_before_close_s": 900}
NOT_A_NUMBER = Decimal("NaN")


def bounded(**bounds: str) -> dict[str, Any]:
    """The bot's limits with some replaced."""
    return {"limits": LIMITS | {kind: Decimal(value) for kind, value in bounds.items()}}


def shared(**facts: Any) -> dict[str, Any]:
    return {"desk": facts}


def hedged(held: str, leaving: str = "0") -> dict[str, Any]:
    """What the bots of a shared scope hold together, and what works there to leave on the order's side."""
    return shared(hedge=rules.HedgeFacts(held=Decimal(held), leaving=Decimal(leaving)))


def entitled_without(field: str, value: str) -> dict[str, Any]:
    whole = {"sides": {"BUY", "SELL"}, "order_types": TYPES, "times_in_force": TIMES}
    return {"entitlements": {field: frozenset(whole[field] - {value})}}


def maintained(starts_in_s: int, **session: Any) -> dict[str, Any]:
    """An announced window of the venue."""
    window = rules.MaintenanceFacts(starts_in_s=starts_in_s, ends_at="2026-03-02T18:00:00+00:00")
    return {"venue": {"maintenance": window}, "session": session}


# (code, what breaks it on an order that reduces a position of 5 by 1, the purposes that it stops)
BREACHES: dict[str, tuple[str, dict[str, Any], str]] = {
    "steps": ("INSTRUMENT_UNKNOWN", {"instrument": {"lot_size": "0"}}, ANY),
    "multiplier": ("INSTRUMENT_UNKNOWN", {"instrument": {"multiplier": "-1"}}, ANY),
    "no quantity": ("QUANTITY_NOT_POSITIVE", {"quantity": "0"}, ANY),
    "lot": ("QUANTITY_STEP", {"quantity": "0.75"}, ANY),
    "unknown side": ("SIDE_NOT_ENTITLED", {"side": "SHORT"}, ANY),
    "no limit price": ("PRICE_MISSING", {"order_type": "LIMIT"}, ANY),
    "no stop price": ("PRICE_MISSING", {"order_type": "STOP"}, ANY),
    "price of zero": ("PRICE_NOT_POSITIVE", LIMIT | {"limit_price": "0"}, ANY),
    "tick": ("PRICE_STEP", LIMIT | {"limit_price": "100.1"}, ANY),
    "figures": ("FIGURES_UNUSABLE", {"market": {"reference_price": "1e900", "venue_price": "1"}}, ANY),
    "mode": ("MODE_MISMATCH", {"exposure": {"mode_agrees": False}}, ANY),
    "blast radius": ("INSTRUMENT_NOT_ENTITLED", {"instrument": {"is_entitled": False}}, ANY),
    "expired": ("INSTRUMENT_EXPIRED", {"instrument": {"is_expired": True}}, ANY),
    "reducing": ("HOLD_REDUCING", {"exposure": {"trading_state": rules.REDUCING}}, ADDING),
    "halted": ("HOLD_HALTED", {"exposure": {"trading_state": rules.HALTED}}, ANY),
    "state nobody knows": ("HOLD_HALTED", {"exposure": {"trading_state": 7}}, ANY),
    "venue: type": ("VENUE_CANNOT", {"venue": {"order_types": TYPES - {"MARKET"}}}, ANY),
    "venue: time in force": ("VENUE_CANNOT", {"venue": {"times_in_force": TIMES - {"GTC"}}}, ANY),
    "venue: reduce only": ("VENUE_CANNOT", {"is_reduce_only": True, "venue": {"has_reduce_only": False}}, ANY),
    "venue: post only": ("VENUE_CANNOT", LIMIT | {"is_post_only": True, "venue": {"has_post_only": False}}, ANY),
    "post only at market": ("VENUE_CANNOT", {"is_post_only": True}, ANY),
    "post only at once": ("VENUE_CANNOT", LIMIT | {"is_post_only": True, "time_in_force": "IOC"}, ANY),
    "venue: extended hours": ("VENUE_CANNOT", EXTENDED | {"venue": {"has_extended_hours": False}}, ANY),
    "extended hours at market": (
        "EXTENDED_HOURS_NEED_LIMIT_DAY",
        EXTENDED | {"order_type": "MARKET", "limit_price": None},
        ANY,
    ),
    "extended hours until cancelled": ("EXTENDED_HOURS_NEED_LIMIT_DAY", EXTENDED | {"time_in_force": "GTC"}, ANY),
    "extended hours": ("EXTENDED_HOURS_NOT_ENTITLED", EXTENDED | {"entitlements": {"extended_hours": False}}, ADDING),
    "no extended hours": ("EXTENDED_HOURS_UNKNOWN", EXTENDED | {"instrument": {"has_extended_hours": False}}, ADDING),
    "night": ("SESSION_CLOSED", EXTENDED | {"session": {"is_open": False}}, OPENING),
    "extended, not asked for": ("SESSION_CLOSED", {"session": AROUND}, OPENING),
    "after the close": ("FLAT_BEFORE_CLOSE", EXTENDED | {"session": AROUND | AFTER}, OPENING),
    "maintenance": ("VENUE_IN_MAINTENANCE", maintained(0), OPENING),
    "maintenance ahead": ("FLAT_BEFORE_MAINTENANCE", maintained(900, flat_before_close_s=900), OPENING),
    "venue down": ("VENUE_DOWN", {"venue": {"is_up": False}}, ADDING),
    "side": ("SIDE_NOT_ENTITLED", entitled_without("sides", "SELL"), ADDING),
    "type": ("ORDER_TYPE_NOT_ENTITLED", entitled_without("order_types", "MARKET"), ADDING),
    "time in force": ("TIME_IN_FORCE_NOT_ENTITLED", entitled_without("times_in_force", "GTC"), ADDING),
    "closed": ("SESSION_CLOSED", {"session": {"is_open": False}}, OPENING),
    "market halted": ("INSTRUMENT_HALTED", {"session": {"is_halted": True}}, OPENING),
    "end of day": ("FLAT_BEFORE_CLOSE", {"session": {"closes_in_s": 60, "flat_before_close_s": 60}}, OPENING),
    "throttled": ("EXECUTION_THROTTLED", {"exposure": {"is_throttled": True}}, OPENING),
    "repeated": ("EXECUTION_THROTTLED", {"exposure": {"repeats": 4}}, OPENING),
    "duplicate": ("DUPLICATE_ORDER", {"exposure": {"is_duplicate": True}}, OPENING),
    "own order": ("SELF_TRADE", {"exposure": {"crosses_own": True}}, ADDING),
    "quantity": ("QUANTITY_ABOVE_LIMIT", bounded(order_quantity="0.5"), ADDING),
    "parent": ("PARENT_QUANTITY_EXCEEDED", {"parent_left": "0.5"}, ADDING),
    "another parent": ("PARENT_QUANTITY_CHANGED", {"parent_left": "9", "parent_agrees": False}, ADDING),
    "notional": ("NOTIONAL_ABOVE_LIMIT", bounded(order_notional="199"), ADDING),
    "position": ("POSITION_ABOVE_LIMIT", bounded(position="3"), OPENING),
    "rate": ("RATE_ABOVE_LIMIT", {"exposure": {"orders_this_minute": 5}}, ADDING),
    "rate and reserve": ("RATE_ABOVE_LIMIT", {"exposure": {"orders_this_minute": 10}}, ANY),
    "messages": ("MESSAGES_ABOVE_LIMIT", {"exposure": {"orders_this_second": 3}}, ADDING),
    "messages and reserve": ("MESSAGES_ABOVE_LIMIT", {"exposure": {"orders_this_second": 6}}, ANY),
    "capital": ("CAPITAL_EXCEEDED", bounded(capital="799"), OPENING),
    "no buying power": ("BUYING_POWER_UNKNOWN", {"side": "BUY", "venue": {"buying_power": None}}, OPENING),
    "little buying power": ("BUYING_POWER_EXCEEDED", {"side": "BUY", "venue": {"buying_power": "199"}}, OPENING),
    "gross": ("GROSS_ABOVE_LIMIT", shared(gross="9801"), OPENING),
    "net": ("NET_ABOVE_LIMIT", shared(net="-7801"), OPENING),
    "open orders": ("OPEN_ORDERS_ABOVE_LIMIT", shared(open_orders=20), ADDING),
    "net of an exit": ("EXIT_GROWS_NET", hedged("-0.5"), "EXIT"),
    "daily loss": ("DAILY_LOSS_REACHED", shared(daily_loss="500"), OPENING),
    "drawdown": ("DRAWDOWN_REACHED", shared(drawdown="700"), OPENING),
    "unmarked loss": ("PNL_STALE", shared(daily_loss=None), OPENING),
    "unmarked drawdown": ("PNL_STALE", shared(drawdown=None), OPENING),
    "rate of base currency": ("FX_RATE_STALE", {"market": {"base_rate": None}}, ADDING),
    "rate of account": ("FX_RATE_STALE", {"market": {"account_rate": None}}, OPENING),
    "no feed price": ("PRICE_MISSING", {"market": {"reference_price": None}}, ANY),
    "stale feed": ("PRICE_STALE", {"market": {"is_fresh": False}}, ANY),
    "no reference": ("REFERENCE_STALE", {"market": {"venue_price": None}}, ADDING),
    "stale reference": ("REFERENCE_STALE", {"market": {"is_venue_price_fresh": False}}, ADDING),
    "stale decision": ("DECISION_STALE", {"market": {"is_decision_fresh": False}}, ADDING),
    "collar": ("PRICE_OUTSIDE_COLLAR", LIMIT | {"limit_price": "98.75"}, ANY),
    "feed and venue apart": ("PRICE_OUTSIDE_COLLAR", {"market": {"venue_price": "98.9"}}, ANY),
    "limit up": ("PRICE_OUTSIDE_BAND", LIMIT | {"instrument": {"limit_up": "99"}}, ADDING),
    "limit down": ("PRICE_OUTSIDE_BAND", LIMIT | {"instrument": {"limit_down": "101"}}, ADDING),
}
GUARDS_NEED = {"order_quantity", "order_notional", "collar_bps", "orders_per_minute", "messages_per_second"}
EXIT_HEEDS = {"collar_bps", "orders_per_minute", "messages_per_second"}
BREACHES |= {
    f"without {kind}": ("LIMIT_MISSING", {"limits": without(kind)}, ADDING if kind in GUARDS_NEED else OPENING)
    for kind in LIMITS
}
BREACHES |= {
    f"{kind} that is no number": (
        "LIMIT_MISSING",
        {"limits": LIMITS | {kind: NOT_A_NUMBER}},
        ANY if kind in EXIT_HEEDS else BREACHES[f"without {kind}"][2],
    )
    for kind in LIMITS
}
BREACHES |= {
    f"{kind} that is no number": (
        "LIMIT_MISSING",
        shared(limits=SCOPE_LIMITS | {kind: NOT_A_NUMBER}),
        ADDING if kind == "open_orders" else OPENING,
    )
    for kind in SCOPE_LIMITS
}
# A person who gets out is not held back by these.
EXCUSE_A_PERSON = {
    "net of an exit",
    "halted",
    "state nobody knows",
    "rate and reserve",
    "messages and reserve",
    "orders_per_minute that is no number",
    "messages_per_second that is no number",
}


def reducing(purpose: str, changes: dict[str, Any], *, by_person: bool = False) -> list[str]:
    """The codes for an order that reduces a position of five units by one."""
    held = {"position": "-5" if changes.get("side") == "BUY" else "5"}
    exposure = held | changes.get("exposure", {})
    return codes(**{"side": "SELL", "by_person": by_person} | changes | {"purpose": purpose, "exposure": exposure})


@pytest.mark.parametrize("purpose", ["OPENING", "PROTECTIVE", "EXIT"])
@pytest.mark.parametrize("by_person", [False, True])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_an_order_that_reduces_passes_whatever_its_purpose(purpose: str, by_person: bool, side: str) -> None:
    assert reducing(purpose, {"side": side}, by_person=by_person) == []
    assert reducing(purpose, LIMIT | {"side": side}, by_person=by_person) == []


@pytest.mark.parametrize("purpose", ["OPENING", "PROTECTIVE", "EXIT"])
@pytest.mark.parametrize("session", [AROUND, AROUND | {"closes_in_s": 3_600, "flat_before_close_s": 900}, {}])
def test_an_order_that_asks_for_extended_hours_passes_in_them(purpose: str, session: dict[str, Any]) -> None:
    assert reducing(purpose, EXTENDED | {"session": session}) == []


@pytest.mark.parametrize("name", BREACHES)
@pytest.mark.parametrize("purpose", ["OPENING", "PROTECTIVE", "EXIT"])
def test_a_breach_stops_exactly_the_purposes_that_it_is_meant_for(purpose: str, name: str) -> None:
    code, changes, stopped = BREACHES[name]

    assert reducing(purpose, changes) == ([code] if purpose in stopped.split() else [])


@pytest.mark.parametrize("name", BREACHES)
def test_a_person_who_gets_out_is_excused_from_pace_and_halt(name: str) -> None:
    code, changes, stopped = BREACHES[name]
    stays = "EXIT" in stopped.split() and name not in EXCUSE_A_PERSON

    assert reducing("EXIT", changes, by_person=True) == ([code] if stays else [])


@pytest.mark.parametrize("kind", SCOPE_LIMITS)
def test_a_limit_that_no_scope_has_stops_what_opens(kind: str) -> None:
    unbounded = {name: value for name, value in SCOPE_LIMITS.items() if name != kind}
    nowhere = [rules.ScopeFacts(**_fields(unbounded)) for _ in range(2)]

    assert reducing("OPENING", {"scopes": nowhere}) == ["LIMIT_MISSING"]
    assert reducing("PROTECTIVE", {"scopes": nowhere}) == (["LIMIT_MISSING"] if kind == "open_orders" else [])
    assert reducing("EXIT", {"scopes": nowhere}) == []


def _fields(limits: dict[str, Decimal]) -> dict[str, Any]:
    zeros = dict.fromkeys(("gross", "net", "buying", "selling", "daily_loss", "drawdown"), Decimal(0))
    return zeros | {"name": "desk", "limits": limits, "open_orders": 0}


def test_no_scope_and_no_limit_names_every_kind() -> None:
    assert codes(limits={}, scopes=[]) == ["LIMIT_MISSING"] * (len(rules.REQUIRED) + 1)  # and the capital
    assert reducing("EXIT", {"limits": {}, "scopes": []}) == []


def test_an_exit_waits_for_no_scope() -> None:
    broken = shared(gross="1e9", net="1e9", open_orders=10**6, daily_loss=None, drawdown=None)

    assert reducing("EXIT", broken) == []


@pytest.mark.parametrize(
    ("side", "held", "leaving", "is_denied"),
    [
        ("SELL", "1", "0", False),  # to flat
        ("SELL", "0.5", "0", False),  # as far on the other side
        ("SELL", "0.25", "0", True),
        ("SELL", "5", "9", False),
        ("SELL", "5", "9.5", True),  # with all that leaves already
        ("SELL", "0", "0", True),
        ("SELL", "-5", "0", True),
        ("BUY", "-0.5", "0", False),
        ("BUY", "-0.25", "0", True),
        ("BUY", "5", "0", True),
        ("SELL", "NaN", "0", False),  # what is no number says nothing
        ("SELL", "5", "Infinity", False),
    ],
)
def test_an_exit_stops_where_the_units_of_its_hedge_would_be_further_from_flat(
    side: str, held: str, leaving: str, is_denied: bool
) -> None:
    assert reducing("EXIT", {"side": side} | hedged(held, leaving)) == ["EXIT_GROWS_NET"] * is_denied


def test_no_price_and_no_age_of_a_book_changes_what_an_exit_grows() -> None:
    moved = {"market": {"venue_price": "100.5", "is_venue_price_fresh": False, "base_rate": None}}
    unmarked = {"desk": hedged("-1")["desk"] | {"daily_loss": None, "drawdown": None, "gross": "0"}}

    assert reducing("EXIT", moved) == []
    assert reducing("EXIT", moved | unmarked) == ["EXIT_GROWS_NET"]


def test_a_net_in_base_currency_stops_no_exit() -> None:
    assert reducing("EXIT", shared(gross="300", net="-100")) == []


def test_an_exit_that_is_counted_already_is_judged_by_what_leaves() -> None:
    order = rules.OrderFacts(side="SELL", quantity=Decimal(9), order_type="MARKET", purpose="EXIT", parent_left=None)

    for held, is_denied in (("4.5", False), ("4", True)):
        hedge = rules.HedgeFacts(held=Decimal(held), leaving=Decimal(9))
        denials = rules.check_net(order, [replace(DESK, hedge=hedge)])
        assert [denial.code for denial in denials] == ["EXIT_GROWS_NET"] * is_denied


def test_a_slice_of_an_exit_plan_may_go_first() -> None:
    assert reducing("EXIT", hedged("-1") | {"is_planned": True}) == []


def test_a_purpose_that_nobody_knows_is_judged_as_opening() -> None:
    assert reducing("HEDGE", {"session": {"is_open": False}}) == ["SESSION_CLOSED"]


@pytest.mark.parametrize("purpose", ["PROTECTIVE", "EXIT"])
def test_what_guards_or_leaves_may_not_cross_zero(purpose: str) -> None:
    assert reducing(purpose, {"quantity": "5"}) == []
    assert reducing(purpose, {"quantity": "5.5"}) == ["EXIT_EXCEEDS_POSITION"]


def test_the_worst_case_of_a_sale_below_zero_needs_the_right_to_short() -> None:
    barred = {"entitlements": {"shorting": False}}

    assert reducing("OPENING", barred | {"quantity": "5"}) == []
    assert reducing("OPENING", barred | {"quantity": "5.5"}) == ["SHORTING_NOT_ENTITLED"]
    assert reducing("OPENING", barred | {"exposure": {"working_sell": "4.5"}}) == ["SHORTING_NOT_ENTITLED"]
    assert reducing("OPENING", {"quantity": "5.5"}) == []


def test_every_code_stops_something_here() -> None:
    elsewhere = {"EXIT_EXCEEDS_POSITION", "SHORTING_NOT_ENTITLED"}

    assert {code for code, _, _ in BREACHES.values()} | elsewhere == rules.CODES
