"""Serializer fields of the house: exact decimals as strings, and references by id or name."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common import decimals
from apps.common.errors import Invalid

PATTERN = r"^-?(0|[1-9]\d{0,19})(\.\d{1,18})?$"


@extend_schema_field({"type": "string", "pattern": PATTERN, "examples": ["0.25"]})
class DecimalString(serializers.Field):
    """An exact decimal that travels as a plain string; JSON numbers with a fraction are refused."""

    def __init__(self, *, is_positive: bool = False, **kwargs: Any) -> None:
        for name in ("max_digits", "decimal_places", "coerce_to_string", "min_value", "max_value"):
            kwargs.pop(name, None)
        self.is_positive = is_positive
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        """The decimal; refuses floats, booleans, NaN, exponents, and values below the field's bound."""
        try:
            value = decimals.parse(data, self.field_name or "value")
        except Invalid as error:
            raise serializers.ValidationError(error.message, code=error.code) from None
        if self.is_positive and value <= 0:
            raise serializers.ValidationError("must be greater than zero", code="DECIMAL_NOT_POSITIVE")
        return value

    def to_representation(self, value: Decimal) -> str:
        """The normalised string."""
        return decimals.text_of(value)


@extend_schema_field(OpenApiTypes.STR)
class Reference(serializers.CharField):
    """An id, or a unique name where the kind has one."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 150)
        super().__init__(**kwargs)


class Text(serializers.CharField):
    """Text that must be a JSON string: numbers and booleans are refused."""

    def to_internal_value(self, data: Any) -> str:
        """The text."""
        if not isinstance(data, str):
            raise serializers.ValidationError("must be a string", code="TEXT_EXPECTED")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.BOOL)
class Flag(serializers.Field):
    """A JSON boolean, and nothing that merely looks like one."""

    def to_internal_value(self, data: Any) -> bool:
        """The boolean."""
        if not isinstance(data, bool):
            raise serializers.ValidationError("must be true or false", code="BOOLEAN_EXPECTED")
        return data

    def to_representation(self, value: bool) -> bool:
        """Itself."""
        return value
