"""Whether an order is one at all: numbers above zero, on the instrument's steps, with the prices of its type."""

from decimal import Decimal

from apps.risk.rules.facts import INFINITY, LIMITED, STOPPED, ZERO, Denial, InstrumentFacts, OrderFacts, written

SIDES = frozenset({"BUY", "SELL"})


def judge(order: OrderFacts, instrument: InstrumentFacts, found: list[Denial]) -> None:
    """A malformed order is refused for that alone: its figures mean nothing to the other controls."""
    quantity, lot = order.quantity, instrument.lot_size
    if not (ZERO < lot < INFINITY and ZERO < instrument.tick_size < INFINITY):
        found.append(Denial("INSTRUMENT_UNKNOWN", {"field": "steps"}))
    if not ZERO < instrument.multiplier < INFINITY:
        found.append(Denial("INSTRUMENT_UNKNOWN", {"field": "multiplier"}))
    if found:
        return
    if not ZERO < quantity < INFINITY:
        found.append(Denial("QUANTITY_NOT_POSITIVE", {"quantity": written(quantity)}))
        return
    if quantity % lot != ZERO:
        found.append(Denial("QUANTITY_STEP", {"quantity": written(quantity), "lot_size": written(lot)}))
    if order.side not in SIDES:
        found.append(Denial("SIDE_NOT_ENTITLED", {"side": order.side}))
    if order.limit_price is not None:
        _price("limit_price", order.limit_price, instrument.tick_size, found)
    elif order.order_type in LIMITED:
        found.append(Denial("PRICE_MISSING", {"field": "limit_price"}))
    if order.stop_price is not None:
        _price("stop_price", order.stop_price, instrument.tick_size, found)
    elif order.order_type in STOPPED:
        found.append(Denial("PRICE_MISSING", {"field": "stop_price"}))


def _price(field: str, price: Decimal, tick: Decimal, found: list[Denial]) -> None:
    if not ZERO < price < INFINITY:
        found.append(Denial("PRICE_NOT_POSITIVE", {"field": field, "price": written(price)}))
    elif price % tick != ZERO:
        found.append(Denial("PRICE_STEP", {"field": field, "price": written(price), "tick_size": written(tick)}))
