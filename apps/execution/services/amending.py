"""New terms of an order, as far as whoever asks may go: any terms to trade, less risk on the way out."""

from decimal import Decimal

from apps.access import services as access
from apps.access.models import User
from apps.access.states import Permission
from apps.audit.context import acting
from apps.common.errors import Forbidden
from apps.execution.models import Order
from apps.execution.services import ledger, orders
from apps.execution.states import Purpose

AMENDERS = (Permission.TRADE, Permission.EXIT)


def amend(
    *,
    order: Order,
    actor: User,
    reason: str,
    quantity: Decimal | None = None,
    limit_price: Decimal | None = None,
    stop_price: Decimal | None = None,
) -> Order:
    """`orders.replace` for whoever asks: with `trade` on the bot any terms, for a person with `exit` less risk.

    Less risk: any terms of an order that closes or guards a position, and less of an opening one at its prices. Of a
    bot that is paused or silent nothing is changed, only cancelled.
    Raises Forbidden PERMISSION_DENIED, and what `orders.replace` raises.
    """
    terms = {"quantity": quantity, "limit_price": limit_price, "stop_price": stop_price}
    if access.may(actor, Permission.TRADE, order.bot.scope):
        return orders.replace(order=order, actor=actor, reason=reason, **terms)
    access.require(actor, Permission.EXIT, order.bot.scope)
    with acting(actor, reason):
        # Judged on the locked row: what was less than the order when somebody looked may be more than it is now.
        if actor.is_service or not _is_less_risk(ledger.locked(order), terms):
            raise Forbidden(
                "PERMISSION_DENIED",
                "without `trade` people may ask for less of an opening order at its prices, or cancel it",
                permission=Permission.TRADE,
            )
        return orders.replace(order=order, actor=actor, reason=reason, **terms)


def may_only_lessen(actor: User, order: Order) -> bool:
    """Whether all that the actor may ask for is less of the order."""
    return order.purpose == Purpose.OPENING and not access.may(actor, Permission.TRADE, order.bot.scope)


def _is_less_risk(row: Order, terms: dict[str, Decimal | None]) -> bool:
    """A change of an exit or a guard passes the checks of its purpose; the rest may shrink and nothing else."""
    if row.purpose in (Purpose.EXIT, Purpose.PROTECTIVE):
        return True
    keeps_prices = all(terms[name] in (None, getattr(row, name)) for name in ("limit_price", "stop_price"))
    return keeps_prices and (terms["quantity"] is None or terms["quantity"] <= row.quantity)
