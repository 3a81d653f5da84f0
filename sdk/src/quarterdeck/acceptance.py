"""What the simulated venue checks before it takes an order."""

from decimal import Decimal, localcontext

from quarterdeck.decimals import EXACT, ONE, TEN_THOUSAND, ZERO, is_multiple
from quarterdeck.events import Instrument, OrderType, Side, TimeInForce
from quarterdeck.pricing import far_side
from quarterdeck.simvalues import SimConfig, SimOrder

_LIMIT_TYPES = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_STOP_TYPES = (OrderType.STOP, OrderType.STOP_LIMIT)


def accept(
    order: SimOrder,
    instrument: Instrument,
    config: SimConfig,
    *,
    mark_price: Decimal,
    position: Decimal,
    buying_power: Decimal,
    sellable: Decimal,
) -> str | None:
    """The code of the refusal, or None when the venue takes the order.

    buying_power is cash less what working buys reserve; sellable is the long position less working
    sells. Never raises for a bad quantity or price: not a number is a refusal like any other.
    """
    with localcontext(EXACT):
        return (
            _form_refusal(order, instrument)
            or _crossing_refusal(order, config, mark_price)
            or _account_refusal(order, instrument, config, mark_price, position, buying_power, sellable)
        )


def required_cash(
    order: SimOrder, instrument: Instrument, config: SimConfig, mark_price: Decimal, quantity: Decimal
) -> Decimal:
    """What a buy of quantity reserves: its worst known price plus spread, slippage and taker fee."""
    with localcontext(EXACT):
        price = max((p for p in (order.limit_price, order.stop_price) if p is not None), default=mark_price)
        costs_bps = config.taker_fee_bps
        if order.order_type not in _LIMIT_TYPES:
            costs_bps += config.half_spread_bps + 2 * config.slippage_bps
        return quantity * price * instrument.multiplier * (ONE + costs_bps / TEN_THOUSAND)


def _form_refusal(order: SimOrder, instrument: Instrument) -> str | None:
    if not order.quantity.is_finite() or order.quantity <= 0:
        return "ORDER_QUANTITY_INVALID"
    if not is_multiple(order.quantity, instrument.lot_size) or order.quantity < instrument.quantity_min:
        return "ORDER_QUANTITY_STEP"
    if order.order_type in _STOP_TYPES and order.is_immediate():
        return "ORDER_TIME_IN_FORCE_INVALID"
    if order.post_only and (order.order_type != OrderType.LIMIT or order.is_immediate()):
        return "ORDER_POST_ONLY_INVALID"
    if order.extended_hours and (order.order_type, order.time_in_force) != (OrderType.LIMIT, TimeInForce.DAY):
        return "ORDER_EXTENDED_HOURS_INVALID"
    wanted = (order.order_type in _LIMIT_TYPES, order.order_type in _STOP_TYPES)
    if wanted != (order.limit_price is not None, order.stop_price is not None):
        return "ORDER_PRICE_MISSING" if any(wanted) else "ORDER_PRICE_UNEXPECTED"
    for price in (order.limit_price, order.stop_price):
        if price is not None and not _on_grid(price, instrument.tick_size):
            return "ORDER_PRICE_STEP"
    return None


def _crossing_refusal(order: SimOrder, config: SimConfig, mark_price: Decimal) -> str | None:
    if not order.post_only or order.limit_price is None:
        return None
    far = far_side(order.side, mark_price, config)
    would_take = far <= order.limit_price if order.side == Side.BUY else far >= order.limit_price
    return "POST_ONLY_WOULD_CROSS" if would_take else None


def _on_grid(price: Decimal, tick: Decimal) -> bool:
    return price.is_finite() and price > 0 and is_multiple(price, tick)


def _account_refusal(
    order: SimOrder,
    instrument: Instrument,
    config: SimConfig,
    mark_price: Decimal,
    position: Decimal,
    buying_power: Decimal,
    sellable: Decimal,
) -> str | None:
    closable = max(ZERO, position if order.side == Side.SELL else -position)
    if order.reduce_only:
        return None if closable > 0 else "REDUCE_ONLY_NO_POSITION"
    if order.side == Side.SELL and not config.allow_short:
        return None if order.quantity <= sellable else "POSITION_INSUFFICIENT"
    opening = max(ZERO, order.quantity - closable)
    if required_cash(order, instrument, config, mark_price, opening) > buying_power:
        return "BUYING_POWER_INSUFFICIENT"
    return None
