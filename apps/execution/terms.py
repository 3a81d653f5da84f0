"""New terms of an order beside its present ones: which change surely adds no risk (design §2.5).

Pure. Whatever is unsure counts as a change that may add risk.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from operator import ge, le
from typing import Any

from apps.execution.models import Order
from apps.execution.states import Purpose, Side

ZERO = Decimal(0)
# What brings a guard no further away: how its new stop and its new limit price stand to the old ones.
NO_FURTHER = {Side.SELL: (ge, le), Side.BUY: (le, ge)}


@dataclass(frozen=True, slots=True)
class Terms:
    """What of an order can be changed: the whole quantity, filled part included, and its prices."""

    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None

    def but(
        self, quantity: Decimal | None = None, limit_price: Decimal | None = None, stop_price: Decimal | None = None
    ) -> "Terms":
        """These terms with the named ones in their place; what is None stays."""
        return Terms(
            self.quantity if quantity is None else quantity,
            self.limit_price if limit_price is None else limit_price,
            self.stop_price if stop_price is None else stop_price,
        )


def present(order: Order) -> Terms:
    """The terms that hold."""
    return Terms(order.quantity, order.limit_price, order.stop_price)


def asked(order: Order) -> Terms:
    """The terms that the venue is asked for; the present ones when it is asked for none."""
    if order.replace_quantity is None:
        return present(order)
    return Terms(order.replace_quantity, order.replace_limit_price, order.replace_stop_price)


def shrinks(purpose: str, before: Terms, after: Terms) -> bool:
    """Whether `after` is less of an opening order at its prices: a part of it is given up, like by a cancel."""
    if purpose != Purpose.OPENING or not (_is_sound(before) and _is_sound(after)):
        return False
    has_same_prices = (after.limit_price, after.stop_price) == (before.limit_price, before.stop_price)
    return has_same_prices and after.quantity < before.quantity


def guards_no_less(side: str, before: Terms, after: Terms) -> bool:
    """Whether a protective order guards at least as much: as many units, its prices no further from the market.

    A stop triggers no later, a limit is as sure to be filled. How much more it may guard is what is held, which
    the pre-trade check knows.
    """
    if side not in NO_FURTHER or not (_is_sound(before) and _is_sound(after)):
        return False
    stop_is_near, limit_is_near = NO_FURTHER[Side(side)]
    if after.quantity < before.quantity:
        return False
    return _is_near(after.stop_price, before.stop_price, stop_is_near) and _is_near(
        after.limit_price, before.limit_price, limit_is_near
    )


def _is_near(new: Decimal | None, old: Decimal | None, is_near: Callable[[Any, Any], bool]) -> bool:
    if new is None or old is None:
        return new is old  # a price that comes or goes makes it another kind of order
    return is_near(new, old)


def _is_sound(terms: Terms) -> bool:
    figures = [figure for figure in (terms.quantity, terms.limit_price, terms.stop_price) if figure is not None]
    return all(figure.is_finite() and figure > ZERO for figure in figures)
