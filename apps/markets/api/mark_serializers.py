"""Shapes of official marks."""

from typing import Any

from rest_framework import serializers

from apps.common.api.fields import DecimalString, Reference, Text
from apps.common.api.serializers import ReasonedAct, Shown
from apps.markets.api.serializers import AskedShown
from apps.markets.models import OfficialMark, OfficialMarkRequest
from apps.markets.states import MarkKind


class OfficialMarkShown(Shown):
    """An official price of a trading day; of one day the highest revision counts."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = OfficialMark
        fields = (
            "id", "instrument", "symbol", "trading_day", "revision", "price", "kind", "source", "stated_by",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class OfficialMarkAsked(ReasonedAct):
    """An official price to enter."""

    instrument = Reference(help_text="Id or symbol.")
    trading_day = serializers.DateField(help_text="The day that ended with it, by the instrument's calendar.")
    price = DecimalString(help_text="Above zero, in the quote currency.")
    kind = serializers.ChoiceField(MarkKind.choices)
    # A serializer is a field too, and a field has a `source` of its own.
    source = Text(max_length=200, help_text="Where the price is from.")  # type: ignore[assignment]


class OfficialMarkFile(ReasonedAct):
    """A CSV file of marks: multipart form data."""

    file = serializers.FileField(
        help_text="UTF-8 with the header `instrument,trading_day,price,kind,source` and at most 1,000 lines."
    )


class OfficialMarksEntered(serializers.Serializer[Any]):
    """What a file came to."""

    marks = OfficialMarkShown(many=True, help_text="One a line; a line that was known already shows what is known.")


class OfficialMarkRequestShown(AskedShown):
    """A mark that was put to a vote; it counts for nothing before a second person agreed. Vote with its digest."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = OfficialMarkRequest
        fields = (
            "id", "instrument", "symbol", "trading_day", "price", "kind", "source", "departs_from", "asked_by",
            "reason", "consent", "digest", "vote_state", "vote_until", "entry", "created_at",
        )  # fmt: skip
        read_only_fields = fields
