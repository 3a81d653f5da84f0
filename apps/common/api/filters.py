"""Filters of lists, declared by field names."""

from collections.abc import Mapping
from typing import Any

import django_filters
from django.db import models


def filter_set(
    model: type[models.Model],
    *,
    ids: tuple[str, ...] = (),
    exact: tuple[str, ...] = (),
    day: str = "",
    also: Mapping[str, django_filters.Filter] | None = None,
    created: bool = True,
) -> type[django_filters.FilterSet]:
    """A FilterSet: `ids` by UUID, `exact` by value or choice (repeat for several), and a range of creation.

    `day` is a date, by itself and by a range; `also` are filters that only this list has, by name.
    """
    filters: dict[str, Any] = {name.rpartition("__")[2]: django_filters.UUIDFilter(field_name=name) for name in ids}
    for name in exact:
        filters[name] = _exact(model._meta.get_field(name))
    if day:
        filters |= _of_day(day)
    if created:
        filters["created_after"] = django_filters.IsoDateTimeFilter(
            field_name="created_at", lookup_expr="gte", label="Created at or after this moment (ISO 8601)."
        )
        filters["created_before"] = django_filters.IsoDateTimeFilter(
            field_name="created_at", lookup_expr="lt", label="Created before this moment (ISO 8601)."
        )
    meta = type("Meta", (), {"model": model, "fields": []})
    return type(f"{model.__name__}Filters", (django_filters.FilterSet,), {**filters, **(also or {}), "Meta": meta})


def _of_day(name: str) -> dict[str, django_filters.Filter]:
    later = django_filters.DateFilter(field_name=name, lookup_expr="gte", label="That day or a later one.")
    earlier = django_filters.DateFilter(field_name=name, lookup_expr="lt", label="An earlier day.")
    return {name: django_filters.DateFilter(label="That day."), "day_after": later, "day_before": earlier}


def _exact(field: Any) -> django_filters.Filter:
    choices = getattr(field, "choices", None)
    if choices:
        return django_filters.MultipleChoiceFilter(field_name=field.name, choices=list(choices))
    if isinstance(field, models.BooleanField):
        return django_filters.BooleanFilter(field_name=field.name)
    return django_filters.CharFilter(field_name=field.name)
