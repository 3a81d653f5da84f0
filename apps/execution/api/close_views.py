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


class DayCloseFilters(filter_set(DayClose, ids=("bot", "account", "instrument"))):  # type: ignore[misc]
    """By place, day, and whether the official mark is known."""

    trading_day = django_filters.DateFilter(label="That day.")
    day_after = django_filters.DateFilter(field_name="trading_day", lookup_expr="gte", label="That day or a later one.")
    day_before = django_filters.DateFilter(field_name="trading_day", lookup_expr="lt", label="An earlier day.")
    is_provisional = django_filters.BooleanFilter(
        field_name="mark", lookup_expr="isnull", label="Whether the official mark is still missing."
    )


class DayCloseViews(ReadEndpoint):
    """Day closes."""

    queryset = DayClose.objects.select_related("bot__scope", "instrument", "mark")
    serializer_class = DayCloseShown
    filterset_class = DayCloseFilters
    scope_path = "bot__scope"
