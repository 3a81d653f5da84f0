"""What the venue computes around the simulator, without a database."""

from decimal import Decimal

from quarterdeck.decimals import EXACT
from quarterdeck.events import Instrument, OrderType, Side, TimeInForce

from apps.runtime.simulator import SimConfig, SimOrder, required_cash
from apps.venues.adapters.base import SubmitRequest

PRICE_STEP = Decimal("0.000000000000000001")
# The venue's costs are drawn from the order and the bar alone, so the seed need not vary.
SEED = 0


def sim_order(order: SubmitRequest, accepted_ms: int, expires_ms: int | None = None) -> SimOrder:
    """The simulator's order; ValueError for a side, type or time in force that it does not have."""
    return SimOrder(
        order_id=order.client_order_id,
        side=Side(order.side),
        quantity=order.quantity,
        order_type=OrderType(order.order_type),
        time_in_force=TimeInForce(order.time_in_force),
        accepted_ms=accepted_ms,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        reduce_only=order.is_reduce_only,
        expires_ms=expires_ms,
        post_only=order.is_post_only,
        extended_hours=order.is_extended_hours,
    )


def reservation(order: SimOrder, instrument: Instrument, config: SimConfig, mark: Decimal, leaves: Decimal) -> Decimal:
    """The cash that the rest of an order keeps back: nothing for sells and reductions."""
    if order.side == Side.SELL or order.reduce_only or leaves == 0:
        return Decimal(0)
    cash = required_cash(order, instrument, config, mark, leaves)
    return cash.quantize(PRICE_STEP, context=EXACT)


def average(filled: Decimal, price: Decimal | None, quantity: Decimal, at: Decimal) -> Decimal:
    """The average price after `quantity` more traded at a price, rounded half-even to 18 decimal places."""
    before = EXACT.multiply(filled, price or Decimal(0))
    total = EXACT.add(before, EXACT.multiply(quantity, at))
    return EXACT.divide(total, EXACT.add(filled, quantity)).quantize(PRICE_STEP, context=EXACT)
