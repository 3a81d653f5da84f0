"""Exact decimals in and out."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quarterdeck.decimals import floor_to_step, is_multiple, parse_decimal, plain


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e3", "", " 1", "1.", ".5", "+1", "1_0", "٣", "1" * 21])
def test_refuses_what_is_not_plain(text):
    with pytest.raises(ValueError, match="plain decimal"):
        parse_decimal(text)


@pytest.mark.parametrize("value", [1, 1.5, None, Decimal(1), True])
def test_refuses_what_is_not_a_string(value):
    with pytest.raises(ValueError, match="plain decimal"):
        parse_decimal(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=18))
def test_plain_strings_read_back_as_the_same_number(value):
    text = plain(value)

    assert parse_decimal(text) == value
    assert plain(parse_decimal(text)) == text


@pytest.mark.parametrize(("value", "text"), [("0E+3", "0"), ("-0.00", "0"), ("1.500", "1.5"), ("1E+2", "100")])
def test_plain_strings_have_one_form(value, text):
    assert plain(Decimal(value)) == text


def test_floors_to_whole_steps():
    assert floor_to_step(Decimal("1.2345"), Decimal("0.01")) == Decimal("1.23")
    assert is_multiple(Decimal("1.23"), Decimal("0.01"))
    assert not is_multiple(Decimal("1.235"), Decimal("0.01"))
