"""New terms of an order, as far as whoever asks may go: any terms to trade, less risk on the way out."""

from decimal import Decimal

from apps.access import services as access
from apps.access.models import User
from apps.access.states import Permission
from apps.audit.context import acting
from apps.common.errors import Forbidden
from apps.execution import terms
from apps.execution.models import Order
from apps.execution.services import ledger, orders
from apps.execution.states import Purpose

AMENDERS = (Permission.TRADE, Permission.EXIT)
WITHOUT_TRADE = (
    "without `trade` people may ask for less of an opening order at its prices, for a protective order that guards at"
    " least as much (no fewer units, no price further from the market), and for other terms of an exit"
)


def amend(
    *,
    order: Order,
    actor: User,
    reason: str,
    quantity: Decimal | None = None,
    limit_price: Decimal | None = None,
    stop_price: Decimal | None = None,
) -> Order:
    """`orders.replace` for whoever asks: with `trade` on the bot any terms, for a person with `exit` no more risk.

    No more risk: less of an opening order at its prices; of a protective order terms that guard at least as much (as
    many units or more, up to what is held, and no price further from the market); of an exit any terms that pass the
    exit profile. Of a bot that is paused or silent an opening order may be made smaller; its other orders are left
    as they are or cancelled. Raises Forbidden PERMISSION_DENIED, and what `orders.replace` raises.
    """
    wanted = {"quantity": quantity, "limit_price": limit_price, "stop_price": stop_price}
    if access.may(actor, Permission.TRADE, order.bot.scope):
        return orders.replace(order=order, actor=actor, reason=reason, **wanted)
    access.require(actor, Permission.EXIT, order.bot.scope)
    with acting(actor, reason):
        # Judged on the locked row: what was less than the order when somebody looked may be more than it is now.
        row = ledger.locked(order)
        before = terms.present(row)
        if actor.is_service or not _is_less_risk(row.purpose, row.side, before, before.but(**wanted)):
            raise Forbidden("PERMISSION_DENIED", WITHOUT_TRADE, permission=Permission.TRADE)
        return orders.replace(order=order, actor=actor, reason=reason, **wanted)


def may_only_lessen(actor: User, order: Order) -> bool:
    """Whether all that the actor may ask for is less of the order."""
    return order.purpose == Purpose.OPENING and not access.may(actor, Permission.TRADE, order.bot.scope)


def may_only_guard(actor: User, order: Order) -> bool:
    """Whether all that the actor may ask for is that the order guards more."""
    return order.purpose == Purpose.PROTECTIVE and not access.may(actor, Permission.TRADE, order.bot.scope)


def _is_less_risk(purpose: str, side: str, before: terms.Terms, after: terms.Terms) -> bool:
    """Whether a change surely adds no risk once it has passed the check of its purpose.

    The check sizes an exit and bounds a guard by what is held; an opening order may shrink and nothing else.
    """
    if purpose == Purpose.EXIT or after == before:
        return True
    if purpose == Purpose.PROTECTIVE:
        return terms.guards_no_less(side, before, after)
    return terms.shrinks(purpose, before, after)
