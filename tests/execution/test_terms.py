"""Which change of an order's terms surely adds no risk; whatever is unsure does."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.execution.terms import Terms, guards_no_less, shrinks

FIGURES = st.decimals(allow_nan=True, allow_infinity=True) | st.integers(-2, 5).map(Decimal)
TERMS = st.builds(Terms, FIGURES, st.none() | FIGURES, st.none() | FIGURES)
PURPOSES = st.sampled_from(["OPENING", "PROTECTIVE", "EXIT", "HEDGE"])


def terms(quantity: str, limit: str | None = None, stop: str | None = None) -> Terms:
    """Terms by their figures."""
    return Terms(Decimal(quantity), None if limit is None else Decimal(limit), None if stop is None else Decimal(stop))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (terms("10"), terms("9.9")),
        (terms("10", "97"), terms("4", "97.00")),
        (terms("10", None, "103"), terms("4", None, "103")),
        (terms("10", "104", "103"), terms("0.000000000000000001", "104", "103")),
    ],
)
def test_less_of_an_opening_order_at_its_prices_shrinks_it(before: Terms, after: Terms) -> None:
    assert shrinks("OPENING", before, after)
    assert not shrinks("OPENING", after, before)


@pytest.mark.parametrize("purpose", ["PROTECTIVE", "EXIT", "", "HEDGE"])
def test_less_of_anything_else_is_no_reduction(purpose: str) -> None:
    assert not shrinks(purpose, terms("10", "97"), terms("4", "97"))


@pytest.mark.parametrize(
    "after",
    [
        terms("10", "97"),
        terms("11", "97"),
        terms("4", "96.99"),
        terms("4", "97.01"),
        terms("4"),
        terms("4", "97", "97"),
        terms("0", "97"),
        terms("-1", "97"),
        terms("NaN", "97"),
        terms("sNaN", "97"),
        terms("-Infinity", "97"),
    ],
)
def test_what_is_not_surely_less_does_not_shrink(after: Terms) -> None:
    assert not shrinks("OPENING", terms("10", "97"), after)


@given(purpose=PURPOSES, before=TERMS, after=TERMS)
def test_what_shrinks_changes_nothing_but_the_quantity_and_that_downwards(
    purpose: str, before: Terms, after: Terms
) -> None:
    if shrinks(purpose, before, after):
        assert purpose == "OPENING"
        assert 0 < after.quantity < before.quantity
        assert after == before.but(quantity=after.quantity)


@pytest.mark.parametrize(
    ("side", "before", "after"),
    [
        ("SELL", terms("2", None, "97"), terms("2", None, "97")),
        ("SELL", terms("2", None, "97"), terms("3", None, "98")),
        ("BUY", terms("2", None, "103"), terms("2", None, "102")),
        ("SELL", terms("2", "96", "97"), terms("2", "95", "98")),
        ("BUY", terms("2", "104", "103"), terms("2.5", "105", "102")),
        ("SELL", terms("2", "110"), terms("2", "109")),
    ],
)
def test_a_guard_may_come_nearer_and_grow(side: str, before: Terms, after: Terms) -> None:
    assert guards_no_less(side, before, after)


@pytest.mark.parametrize(
    ("side", "before", "after"),
    [
        ("SELL", terms("2", None, "97"), terms("1.9", None, "97")),
        ("SELL", terms("2", None, "97"), terms("1", None, "98")),
        ("SELL", terms("2", None, "97"), terms("3", None, "96.99")),
        ("BUY", terms("2", None, "103"), terms("2", None, "103.01")),
        ("SELL", terms("2", "96", "97"), terms("2", "96.01", "97")),
        ("BUY", terms("2", "104", "103"), terms("2", "103.99", "103")),
        ("SELL", terms("2", None, "97"), terms("2", "96", "97")),
        ("SELL", terms("2", "110"), terms("2", "110", "120")),
        ("SELL", terms("2", None, "97"), terms("2")),
        ("SELL", terms("2", None, "97"), terms("Infinity", None, "97")),
        ("SELL", terms("2", None, "97"), terms("2", None, "NaN")),
        ("", terms("2", None, "97"), terms("2", None, "97")),
    ],
)
def test_a_guard_that_guards_less_or_otherwise_is_no_reduction(side: str, before: Terms, after: Terms) -> None:
    assert not guards_no_less(side, before, after)


@given(side=st.sampled_from(["BUY", "SELL", "NEITHER"]), before=TERMS, after=TERMS)
def test_a_guard_that_guards_no_less_never_loses_a_unit_or_a_price(side: str, before: Terms, after: Terms) -> None:
    if guards_no_less(side, before, after):
        assert after.quantity >= before.quantity > 0
        assert (after.limit_price is None, after.stop_price is None) == (
            before.limit_price is None,
            before.stop_price is None,
        )


def test_terms_that_are_not_named_stay() -> None:
    assert terms("10", "97", "96").but(quantity=Decimal(0)) == terms("0", "97", "96")
    assert terms("10", "97").but(None, Decimal(98)) == terms("10", "98")
