"""Exact numbers: parsing and the normalised string form (design rule 9)."""

import re
from decimal import Decimal
from typing import Any

from apps.common.errors import Invalid

PLAIN = re.compile(r"-?(0|[1-9]\d{0,19})(\.\d{1,18})?")


def parse(value: Any, field: str) -> Decimal:
    """The exact decimal written in `value`; floats, NaN, infinities and exponents are refused.

    Raises Invalid DECIMAL_MALFORMED naming `field`.
    """
    text = str(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""
    if isinstance(value, Decimal) and value.is_finite():
        text = text_of(value)
    if not PLAIN.fullmatch(text):
        raise Invalid(
            "DECIMAL_MALFORMED",
            f'{field} must be a plain decimal string such as "0.25": '
            "up to 20 digits before and 18 after the point, no exponent, no NaN",
            field=field,
        )
    return Decimal(text)


def text_of(value: Decimal) -> str:
    """The normalised string of `value`: no exponent, no trailing zeros, no minus zero."""
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
