"""Each bound of the newer controls from both sides: the last order that fits, and the first that does not."""

from decimal import Decimal
from typing import Any

import pytest

from apps.risk import rules
from tests.risk.facts import DESK, FIRM, LIMITS, ORDER, SCOPE_LIMITS, codes, denials, with_fields

BUY, SELL = {"side": "BUY"}, {"side": "SELL"}
AT = {"order_type": "LIMIT"}


def quoted(venue: str, feed: str = "100") -> dict[str, Any]:
    return {"market": {"venue_price": venue, "reference_price": feed}}


# One unit is worth 200: a price of 100 and a multiplier of 2. (code, fits, does not fit)
BOUNDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("MESSAGES_ABOVE_LIMIT", {"exposure": {"orders_this_second": 2}}, {"exposure": {"orders_this_second": 3}}),
    ("EXECUTION_THROTTLED", {"exposure": {"repeats": 3}}, {"exposure": {"repeats": 4}}),
    ("PARENT_QUANTITY_EXCEEDED", {"parent_left": "1"}, {"parent_left": "0.999999999999999999"}),
    ("BUYING_POWER_EXCEEDED", {"venue": {"buying_power": "200"}}, {"venue": {"buying_power": "199.99"}}),
    (
        "BUYING_POWER_EXCEEDED",
        {"venue": {"buying_power": "300"}, "market": {"account_rate": "1.5"}},
        {"venue": {"buying_power": "299.99"}, "market": {"account_rate": "1.5"}},
    ),
    ("BUYING_POWER_EXCEEDED", SELL | {"venue": {"buying_power": "0"}}, BUY | {"venue": {"buying_power": "0"}}),
    ("BUYING_POWER_UNKNOWN", SELL | {"venue": {"buying_power": None}}, BUY | {"venue": {"buying_power": None}}),
    (
        "FLAT_BEFORE_CLOSE",
        {"session": {"closes_in_s": 301, "flat_before_close_s": 300}},
        {"session": {"closes_in_s": 300, "flat_before_close_s": 300}},
    ),
    (
        "FLAT_BEFORE_CLOSE",
        {"session": {"closes_in_s": 1, "flat_before_close_s": None}},
        {"session": {"closes_in_s": -1, "flat_before_close_s": 0}},
    ),
    ("PRICE_OUTSIDE_COLLAR", quoted("101"), quoted("101.5")),
    ("PRICE_OUTSIDE_COLLAR", quoted("100", feed="99"), quoted("100", feed="98.75")),
    (
        "PRICE_OUTSIDE_COLLAR",  # against the venue's price, whatever the feed says
        AT | quoted("101", feed="90") | {"limit_price": "102"},
        AT | quoted("99", feed="103") | {"limit_price": "102"},
    ),
    (
        "PRICE_OUTSIDE_COLLAR",
        SELL | AT | quoted("100", feed="110") | {"limit_price": "99"},
        SELL | AT | quoted("100", feed="90") | {"limit_price": "98.75"},
    ),
    (
        "PRICE_OUTSIDE_BAND",
        AT | {"limit_price": "101", "instrument": {"limit_up": "101"}},
        AT | {"limit_price": "101", "instrument": {"limit_up": "100.75"}},
    ),
    (
        "PRICE_OUTSIDE_BAND",
        AT | {"limit_price": "99", "instrument": {"limit_down": "99"}},
        AT | {"limit_price": "99", "instrument": {"limit_down": "99.25"}},
    ),
    (
        "PRICE_OUTSIDE_BAND",
        {"order_type": "STOP", "stop_price": "105", "instrument": {"limit_up": "105"}},
        {"order_type": "STOP", "stop_price": "105.25", "instrument": {"limit_up": "105"}},
    ),
    ("GROSS_ABOVE_LIMIT", {"desk": {"gross": "9800"}}, {"desk": {"gross": "9800.01"}}),
    (
        "GROSS_ABOVE_LIMIT",
        {"desk": {"gross": "9000", "buying": "500", "selling": "300"}},
        {"desk": {"gross": "9000", "buying": "500", "selling": "301"}},
    ),
    (
        "GROSS_ABOVE_LIMIT",  # in base currency, and a sale adds too
        SELL | {"desk": {"gross": "9900"}, "market": {"base_rate": "0.5"}},
        SELL | {"desk": {"gross": "9901"}, "market": {"base_rate": "0.5"}},
    ),
    ("NET_ABOVE_LIMIT", {"desk": {"net": "7800"}}, {"desk": {"net": "7801"}}),
    ("NET_ABOVE_LIMIT", {"desk": {"net": "7000", "buying": "800"}}, {"desk": {"net": "7000", "buying": "801"}}),
    ("NET_ABOVE_LIMIT", {"desk": {"net": "7800", "selling": "9"}}, {"desk": {"net": "7801", "selling": "999"}}),
    ("NET_ABOVE_LIMIT", SELL | {"desk": {"net": "-7800"}}, SELL | {"desk": {"net": "-7801"}}),
    (
        "NET_ABOVE_LIMIT",
        SELL | {"desk": {"net": "-7000", "selling": "800", "buying": "900"}},
        SELL | {"desk": {"net": "-7000", "selling": "801"}},
    ),
    ("OPEN_ORDERS_ABOVE_LIMIT", {"desk": {"open_orders": 19}}, {"desk": {"open_orders": 20}}),
    ("DAILY_LOSS_REACHED", {"desk": {"daily_loss": "499.99"}}, {"desk": {"daily_loss": "500"}}),
    ("DRAWDOWN_REACHED", {"desk": {"drawdown": "699.99"}}, {"desk": {"drawdown": "700"}}),
    ("SHORTING_NOT_ENTITLED", {}, SELL),
]
BARRED = {"entitlements": {"shorting": False}}


@pytest.mark.parametrize(("code", "fits", "exceeds"), BOUNDS)
def test_the_last_that_fits_passes_and_the_next_is_denied(
    code: str, fits: dict[str, Any], exceeds: dict[str, Any]
) -> None:
    extra = BARRED if code.startswith("SHORT") else {}

    assert codes(**fits, **extra) == []
    assert codes(**exceeds, **extra) == [code]


@pytest.mark.parametrize(
    ("kind", "over"),
    [
        ("gross_exposure", {"gross": "9801"}),
        ("net_exposure", {"net": "7801"}),
        ("open_orders", {"open_orders": 20}),
        ("daily_loss", {"daily_loss": "500"}),
        ("drawdown", {"drawdown": "700"}),
        ("daily_loss", {"daily_loss": None}),
        ("drawdown", {"drawdown": None}),
    ],
)
def test_a_scope_without_the_limit_is_not_held_to_it(kind: str, over: dict[str, Any]) -> None:
    unbounded = {name: bound for name, bound in SCOPE_LIMITS.items() if name != kind}

    assert codes(desk=over) != []
    assert codes(desk=over | {"limits": unbounded}) == []


def test_each_scope_is_held_to_its_own_limit_and_named() -> None:
    narrow = SCOPE_LIMITS | {"gross_exposure": Decimal(199)}
    found = denials(desk={"limits": narrow})

    assert [(denial.code, denial.context["scope"]) for denial in found] == [("GROSS_ABOVE_LIMIT", "desk")]
    assert found[0].context == {"scope": "desk", "gross": "200", "limit": "199"}


def test_the_limits_of_a_scope_do_not_stand_in_for_those_of_the_bot() -> None:
    kinds = {kind: bound for kind, bound in LIMITS.items() if kind != "position"}

    assert codes(limits=kinds | SCOPE_LIMITS, desk={"limits": SCOPE_LIMITS | LIMITS}) == ["LIMIT_MISSING"]
    assert codes(limits=LIMITS | SCOPE_LIMITS, scopes=[]) == ["LIMIT_MISSING"] * len(SCOPE_LIMITS)


def test_capital_counts_the_dearest_price_of_all() -> None:
    limits = LIMITS | {"capital": Decimal(201)}

    assert codes(limits=limits) == []
    assert codes(limits=limits, **quoted("101")) == ["CAPITAL_EXCEEDED"]


def test_a_gain_or_a_new_peak_is_no_loss() -> None:
    assert codes(desk={"daily_loss": "-9000", "drawdown": "-9000"}) == []


def test_a_sale_that_only_reduces_still_counts_as_opening() -> None:
    long = {"position": "5"}

    assert codes(**SELL, exposure=long, desk={"gross": "9801"}) == ["GROSS_ABOVE_LIMIT"]
    assert codes(**SELL, exposure=long, session={"is_open": False}) == ["SESSION_CLOSED"]


@pytest.mark.parametrize(
    ("fits", "exceeds", "code"),
    [
        ({"gross": "9000", "selling": "1000"}, {"gross": "9000", "selling": "1001"}, "GROSS_ABOVE_LIMIT"),
        ({"net": "7000", "buying": "1000"}, {"net": "7000", "buying": "1001"}, "NET_ABOVE_LIMIT"),
        ({"open_orders": 20}, {"open_orders": 21}, "OPEN_ORDERS_ABOVE_LIMIT"),
    ],
)
def test_books_that_count_the_order_already_are_held_to_the_same_limits(
    fits: dict[str, Any], exceeds: dict[str, Any], code: str
) -> None:
    counted = {"open_orders": 1}
    held = [with_fields(DESK, counted | fits), with_fields(FIRM, counted)]
    over = [with_fields(DESK, counted | exceeds), with_fields(FIRM, counted)]

    assert rules.check_sums(ORDER, held) == []
    assert [(denial.code, denial.context["scope"]) for denial in rules.check_sums(ORDER, over)] == [(code, "desk")]


def test_books_without_the_order_that_they_should_count_are_refused() -> None:
    assert "OPEN_ORDERS_ABOVE_LIMIT" in {denial.code for denial in rules.check_sums(ORDER, [DESK, FIRM])}


def test_a_loss_is_told_with_its_scope() -> None:
    found = denials(desk={"daily_loss": "612.50"})

    assert found == [rules.Denial("DAILY_LOSS_REACHED", {"scope": "desk", "lost": "612.5", "limit": "500"})]
