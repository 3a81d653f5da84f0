"""Abstract bases of every model."""

from decimal import Context, Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now

from apps.common import clocks, ids

# Wider than numeric(38,18), so that nothing is rounded on the way in.
WIDE = Context(prec=60)


class UuidV7(models.Func):
    """PostgreSQL 18's uuidv7()."""

    function = "uuidv7"
    output_field = models.UUIDField()


class BaseModel(models.Model):
    """An object with a time-ordered id and the wall time of its creation."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, db_default=UuidV7(), editable=False)
    created_at = models.DateTimeField(default=clocks.wall_now, db_default=Now(), editable=False)

    class Meta:
        abstract = True


class OperationalModel(BaseModel):
    """State without history of its own: `rebuilt_from` says what restores it or when it expires."""

    rebuilt_from: ClassVar[str]

    class Meta:
        abstract = True


class Claimable(models.Model):
    """A due obligation: claimed with a lease, attempts counted before the work (design rule 1).

    `due_at` null means nothing to do. All times are wall times.
    """

    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    lease_owner = models.TextField(default="", blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


class ExactDecimalField(models.DecimalField):
    """numeric(38,18): quantities, prices and money."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 38)
        kwargs.setdefault("decimal_places", 18)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: Decimal | None, *_: Any) -> Decimal | None:
        """The value without its trailing zeros."""
        return None if value is None else trimmed(value)


def trimmed(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent above zero."""
    short = value.normalize(WIDE)
    return short if int(short.as_tuple().exponent) <= 0 else short.quantize(Decimal(1), context=WIDE)
