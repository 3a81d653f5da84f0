"""Exact decimals: one arithmetic context, strict parsing, one way to write a number."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

EXACT = Context(
    prec=60, rounding=ROUND_HALF_EVEN, Emin=-999, Emax=999, traps=[InvalidOperation, DivisionByZero, Overflow]
)
INTEGER_DIGITS_MAX = 20
FRACTION_DIGITS_MAX = 18
ZERO = Decimal(0)
ONE = Decimal(1)
TEN_THOUSAND = Decimal(10_000)

_PLAIN = re.compile(rf"-?[0-9]{{1,{INTEGER_DIGITS_MAX}}}(\.[0-9]{{1,{FRACTION_DIGITS_MAX}}})?")


def parse_decimal(text: object) -> Decimal:
    """The decimal a plain string spells; ValueError for anything but digits, a sign and a point.

    NaN, infinities, exponents and JSON numbers are refused: a float has already lost what it was.
    """
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        raise ValueError(f"not a plain decimal string: {text!r:.60}")
    return Decimal(text)


def plain(value: Decimal) -> str:
    """The normalised string of a finite decimal: no exponent, no trailing zeros, no minus zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of step that is not above a non-negative value."""
    return EXACT.multiply(EXACT.divide_int(value, step), step)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether value lies exactly on the grid of step."""
    return EXACT.remainder(value, step) == 0
