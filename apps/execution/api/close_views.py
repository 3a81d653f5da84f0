"""Endpoints of day closes: what positions stood at when their trading days ended."""

import django_filters
from rest_framework import serializers

from apps.access.api.base import ReadEndpoint
from apps.common.api.fields import DecimalString
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Shown
from apps.execution.models import DayClose


class DayCloseShown(Shown):
    """A position at the end of a trading day, provisionally and by the official mark, in base currency."""

    symbol = serializers.CharField(source="instrument.symbol")
    official_price = DecimalString(source="mark.price", default=None, read_only=True, allow_null=True)

    class Meta:
        model = DayClose
        fields = (
            "id", "bot", "account", "instrument", "symbol", "trading_day", "opens", "quantity", "multiplier", "rate",
            "provisional_price", "official_price", "mark", "value_base", "pnl_base", "pnl_day_base", "restated_base",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class DayCloseViews(ReadEndpoint):
    """Day closes."""

    queryset = DayClose.objects.select_related("bot__scope", "instrument", "mark")
    serializer_class = DayCloseShown
    filterset_class = filter_set(
        DayClose,
        ids=("bot", "account", "instrument"),
        day="trading_day",
        also={
            "is_provisional": django_filters.BooleanFilter(
                field_name="mark", lookup_expr="isnull", label="Whether the official mark is still missing."
            )
        },
    )
    scope_path = "bot__scope"
