"""How much and how often: quantity, position, reduction, parent, pace and repetition of one bot.

Bounds are asked as `figure <= bound < INFINITY`: false for a limit that is missing (NaN) or bounds nothing, too.
"""

from collections.abc import Mapping
from decimal import Decimal, localcontext

from apps.risk.rules.facts import FIGURES, INFINITY, NAN, ZERO, Denial, ExposureFacts, OrderFacts, exceeded, written

EXIT_RESERVE = 2  # exits have a pace of their own, so that a bot that spends its pace on openings still gets out


def worst_position(order: OrderFacts, exposure: ExposureFacts) -> Decimal:
    """The position if this order and every working order on its side were filled, nothing on the other."""
    with localcontext(FIGURES):
        return _worst(order, exposure)


def _worst(order: OrderFacts, exposure: ExposureFacts) -> Decimal:
    if order.side == "BUY":
        return exposure.position + exposure.working_buy + order.quantity
    return exposure.position - exposure.working_sell - order.quantity


def closable(side: str, position: Decimal, working_buy: Decimal, working_sell: Decimal) -> Decimal:
    """How many units an order on `side` may still close without crossing zero, working orders at worst."""
    if side == "SELL":
        return max(ZERO, FIGURES.subtract(position, working_sell))
    return max(ZERO, FIGURES.subtract(position.copy_negate(), working_buy))


def judge_quantity(order: OrderFacts, limits: Mapping[str, Decimal], found: list[Denial]) -> None:
    """Quantity per order, what is left of the parent, and whether the parent is still the same."""
    quantity, left = order.quantity, order.parent_left
    bound = limits.get("order_quantity", NAN)
    if not quantity <= bound < INFINITY:
        found.append(exceeded("QUANTITY_ABOVE_LIMIT", "order_quantity", bound, quantity=quantity))
    if left is not None and not quantity <= left < INFINITY:
        found.append(Denial("PARENT_QUANTITY_EXCEEDED", {"quantity": written(quantity), "left": written(left)}))
    if left is not None and not order.parent_agrees:
        found.append(Denial("PARENT_QUANTITY_CHANGED", {}))


def judge_position(
    order: OrderFacts, exposure: ExposureFacts, limits: Mapping[str, Decimal], found: list[Denial]
) -> Decimal:
    """The position at its worst, which is returned; NaN, which nothing accepts, when what works is no quantity."""
    worst = _worst(order, exposure) if _is_sound(exposure) else NAN
    bound = limits.get("position", NAN)
    if not abs(worst) <= bound < INFINITY:
        found.append(exceeded("POSITION_ABOVE_LIMIT", "position", bound, position=worst))
    return worst


def _is_sound(exposure: ExposureFacts) -> bool:
    return ZERO <= exposure.working_buy < INFINITY and ZERO <= exposure.working_sell < INFINITY


def judge_reduction(order: OrderFacts, exposure: ExposureFacts, found: list[Denial]) -> None:
    """What is to reduce must not cross zero, with all that works on its side filled."""
    available = closable(order.side, exposure.position, exposure.working_buy, exposure.working_sell)
    if not (_is_sound(exposure) and order.quantity <= available < INFINITY):
        context = {"position": written(exposure.position), "available": written(available)}
        found.append(Denial("EXIT_EXCEEDS_POSITION", context))


def judge_pace(exposure: ExposureFacts, limits: Mapping[str, Decimal], found: list[Denial]) -> None:
    """Orders of this minute and messages of this second, this one included."""
    sent, bound = exposure.orders_this_minute, limits.get("orders_per_minute", NAN)
    if not 0 < sent + 1 <= bound < INFINITY:
        found.append(exceeded("RATE_ABOVE_LIMIT", "orders_per_minute", bound, sent=sent))
    sent, bound = exposure.orders_this_second, limits.get("messages_per_second", NAN)
    if not 0 < sent + 1 <= bound < INFINITY:
        found.append(exceeded("MESSAGES_ABOVE_LIMIT", "messages_per_second", bound, sent=sent))


def judge_exit_pace(
    order: OrderFacts, exposure: ExposureFacts, limits: Mapping[str, Decimal], found: list[Denial]
) -> None:
    """The same for a bot's exits, within their reserve. A person gets out whatever the bot has sent."""
    if order.by_person:
        return
    for code, kind, sent in (
        ("RATE_ABOVE_LIMIT", "orders_per_minute", exposure.orders_this_minute),
        ("MESSAGES_ABOVE_LIMIT", "messages_per_second", exposure.orders_this_second),
    ):
        bound = limits.get(kind)
        if bound is not None and not 0 < sent + 1 <= bound * EXIT_RESERVE < INFINITY:
            found.append(exceeded(code, kind, bound, sent=sent, reserve=EXIT_RESERVE))


def judge_repetition(exposure: ExposureFacts, limits: Mapping[str, Decimal], found: list[Denial]) -> None:
    """Equal orders accepted within a minute; at the bound the bot is throttled."""
    repeats, bound = exposure.repeats, limits.get("repeat_executions", NAN)
    if not 0 < repeats + 1 <= bound < INFINITY:
        found.append(exceeded("EXECUTION_THROTTLED", "repeat_executions", bound, repeats=repeats))
