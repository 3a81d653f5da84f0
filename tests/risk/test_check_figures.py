"""A figure that is no sensible number never opens anything, wherever it stands, and never raises."""

from dataclasses import fields
from decimal import Context, Decimal, getcontext, localcontext
from typing import Any

import pytest

from apps.risk import rules
from tests.risk.facts import (
    DESK,
    FLAT,
    INSTRUMENT,
    LIMITS,
    MARKET,
    ORDER,
    SCOPE_LIMITS,
    VENUE,
    codes,
    denials,
    with_fields,
)

PRICED = {"order_type": "STOP_LIMIT", "limit_price": "100", "stop_price": "100"}
ABSURD = ["NaN", "sNaN", "Infinity", "-Infinity"]
# Groups of facts with the names of their figures; a name is added when a figure is.
GROUPS: dict[str, tuple[Any, set[str]]] = {
    "instrument": (INSTRUMENT, {"lot_size", "tick_size", "multiplier", "limit_up", "limit_down"}),
    "exposure": (FLAT, {"position", "working_buy", "working_sell"}),
    "market": (MARKET, {"reference_price", "base_rate", "account_rate", "venue_price"}),
    "venue": (VENUE, {"buying_power"}),
    "desk": (DESK, {"gross", "net", "buying", "selling", "daily_loss", "drawdown"}),
}
FIGURES = [(group, name) for group, (_, names) in GROUPS.items() for name in sorted(names)]
# A figure below zero is meant here: a short position, a gain, an account in debt.
SIGNED = {"position", "net", "daily_loss", "drawdown"}


def refuses(side: str, changes: dict[str, Any]) -> bool:
    """Whether an order with prices of its own, which passes as it is, is refused with these changes."""
    return codes(**{"side": side} | PRICED | changes) != []


def test_the_orders_of_this_file_pass() -> None:
    assert not refuses("BUY", {})
    assert not refuses("SELL", {})


@pytest.mark.parametrize(("base", "names"), GROUPS.values(), ids=GROUPS)
def test_every_figure_of_a_group_is_listed(base: Any, names: set[str]) -> None:
    assert {field.name for field in fields(base) if "Decimal" in str(field.type)} - {"limits"} == names


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize(("group", "name"), FIGURES)
def test_what_is_no_number_opens_nothing(group: str, name: str, side: str, value: str) -> None:
    if name == "buying_power" and side == "SELL":
        return  # nobody asks what a sale costs
    assert refuses(side, {group: {name: value}})


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize(("group", "name"), [pair for pair in FIGURES if pair[1] not in SIGNED])
def test_a_figure_below_zero_opens_nothing(group: str, name: str, side: str) -> None:
    if name == "buying_power" and side == "SELL":
        return
    assert refuses(side, {group: {name: "-1"}})


@pytest.mark.parametrize("name", sorted({"lot_size", "tick_size", "multiplier", "limit_up", "limit_down"}))
def test_an_instrument_with_a_size_of_zero_opens_nothing(name: str) -> None:
    assert refuses("BUY", {"instrument": {name: "0"}})


@pytest.mark.parametrize("value", [*ABSURD, "-1", "0"])
@pytest.mark.parametrize("name", ["limit_up", "limit_down"])
def test_a_band_that_is_no_price_stops_an_order_without_prices_too(name: str, value: str) -> None:
    assert codes(instrument={name: value}) == ["PRICE_OUTSIDE_BAND"]


@pytest.mark.parametrize("name", ["reference_price", "base_rate", "account_rate", "venue_price"])
def test_a_price_or_rate_of_zero_opens_nothing(name: str) -> None:
    assert refuses("BUY", {"market": {name: "0"}})


@pytest.mark.parametrize("value", [*ABSURD, "-1", "0"])
def test_a_parent_with_nothing_sensible_left_opens_nothing(value: str) -> None:
    assert refuses("BUY", {"parent_left": value})


@pytest.mark.parametrize("value", [*ABSURD, "-1"])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("kind", LIMITS)
def test_a_limit_of_the_bot_that_is_no_number_above_zero_opens_nothing(kind: str, side: str, value: str) -> None:
    assert refuses(side, {"limits": LIMITS | {kind: Decimal(value)}})


@pytest.mark.parametrize("value", [*ABSURD, "-1"])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("kind", SCOPE_LIMITS)
def test_a_limit_of_a_scope_that_is_no_number_above_zero_opens_nothing(kind: str, side: str, value: str) -> None:
    # Far on the good side of the bound, where a bound below zero could still look wide enough.
    flattering = {"net": "-100" if side == "BUY" else "100", "daily_loss": "-100", "drawdown": "-100"}

    assert refuses(side, {"desk": flattering | {"limits": SCOPE_LIMITS | {kind: Decimal(value)}}})


@pytest.mark.parametrize("kind", [*sorted(set(LIMITS) - {"collar_bps"})])
def test_nothing_fits_into_a_limit_of_zero(kind: str) -> None:
    assert refuses("BUY", {"limits": LIMITS | {kind: Decimal(0)}})


@pytest.mark.parametrize("kind", SCOPE_LIMITS)
def test_nothing_fits_into_a_shared_limit_of_zero(kind: str) -> None:
    assert refuses("BUY", {"desk": {"limits": SCOPE_LIMITS | {kind: Decimal(0)}}})


def test_a_collar_of_zero_takes_the_reference_alone() -> None:
    limits = LIMITS | {"collar_bps": Decimal(0)}

    assert not refuses("BUY", {"limits": limits})
    assert refuses("BUY", {"limits": limits, "limit_price": "100.25"})


@pytest.mark.parametrize("name", ["orders_this_minute", "orders_this_second", "repeats"])
def test_a_count_below_zero_opens_nothing(name: str) -> None:
    assert refuses("BUY", {"exposure": {name: -1}})


def test_a_number_of_open_orders_below_zero_opens_nothing() -> None:
    assert refuses("BUY", {"desk": {"open_orders": -1}})


@pytest.mark.parametrize("value", [*ABSURD, "-1"])
@pytest.mark.parametrize(("name", "position"), [("position", None), ("working_sell", "5"), ("working_buy", "5")])
def test_an_exit_is_not_sized_by_what_is_no_quantity(name: str, position: str | None, value: str) -> None:
    exposure = {name: value} if position is None else {name: value, "position": position}

    assert codes(side="SELL", purpose="EXIT", exposure=exposure) == ["EXIT_EXCEEDS_POSITION"]


@pytest.mark.parametrize("digits", [500, 5_000])
def test_what_is_too_long_to_be_exact_is_refused_and_not_rounded(digits: int) -> None:
    long = Decimal("100." + "0" * digits + "1")

    assert codes(market={"venue_price": long, "base_rate": long}) == ["FIGURES_UNUSABLE"]


@pytest.mark.parametrize("text", ["1E+999999", "1E-999999", "9" * 300])
def test_a_monstrous_figure_is_refused_in_a_short_text(text: str) -> None:
    found = denials(quantity=text)

    assert found
    assert len(str(found)) < 2_000


def test_figures_are_told_as_normalised_strings() -> None:
    found = denials(
        quantity="10.50", limits=LIMITS | {"order_quantity": Decimal("1E+1"), "order_notional": Decimal(9999)}
    )

    assert found == [rules.Denial("QUANTITY_ABOVE_LIMIT", {"quantity": "10.5", "limit": "10"})]


def test_the_distance_from_the_reference_is_told_in_tenths_of_a_basis_point() -> None:
    found = denials(order_type="LIMIT", limit_price="103.25", market={"venue_price": "102"})

    assert found == [rules.Denial("PRICE_OUTSIDE_COLLAR", {"away_bps": "122.5", "limit": "100"})]


def test_the_surrounding_decimal_context_neither_matters_nor_changes() -> None:
    with localcontext(Context(prec=1)) as around:
        assert codes(quantity="9.5", limits=LIMITS | {"order_notional": Decimal("1899")}) == ["NOTIONAL_ABOVE_LIMIT"]
        assert codes(market={"venue_price": "NaN"}) == ["REFERENCE_STALE"]
        assert getcontext() is around
    assert rules.notional(ORDER, INSTRUMENT, MARKET) == 200


def test_a_notional_without_price_or_rate_is_unknown() -> None:
    silent = {"reference_price": None, "venue_price": None}

    assert rules.notional(ORDER, INSTRUMENT, with_fields(MARKET, silent)) is None
    assert rules.notional(ORDER, INSTRUMENT, with_fields(MARKET, {"base_rate": None})) is None
    assert rules.notional(ORDER, INSTRUMENT, with_fields(MARKET, {"base_rate": "NaN"})) is None
    assert rules.notional(ORDER, INSTRUMENT, with_fields(MARKET, {"base_rate": "Infinity"})) is None


@pytest.mark.parametrize(
    "changes", [{"limit_price": "104"}, {"stop_price": "104"}, {"venue_price": "104"}, {"reference_price": "104"}]
)
def test_a_notional_takes_the_dearest_price_and_every_factor(changes: dict[str, str]) -> None:
    order = with_fields(
        ORDER, {"quantity": "3"} | {k: v for k, v in changes.items() if k in ("limit_price", "stop_price")}
    )
    market = with_fields(MARKET, {"base_rate": "0.5"} | {k: v for k, v in changes.items() if hasattr(MARKET, k)})

    assert rules.notional(order, INSTRUMENT, market) == Decimal("312")  # 3 x 104 x 2 x 0.5
