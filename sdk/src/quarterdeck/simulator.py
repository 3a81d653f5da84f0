"""The matching engine: one order against one bar, pure, exact and seeded.

Everything that must survive between two bars is passed in and handed back (quantity filled so far,
whether a stop has triggered, the queue ahead), so a backtest can keep it in memory and a venue in its own tables.
"""

from decimal import ROUND_UP, Decimal, localcontext

from quarterdeck.decimals import EXACT, ONE, TEN_THOUSAND, ZERO, floor_to_step
from quarterdeck.events import Bar, Instrument, Side, TimeInForce
from quarterdeck.pricing import Case, Quote, quote
from quarterdeck.queueing import Place, is_queued, place
from quarterdeck.simvalues import MatchResult, SimConfig, SimFill, SimOrder, SimState

FEE_STEP = Decimal("0.00000001")


def match(
    order: SimOrder,
    bar: Bar,
    instrument: Instrument,
    config: SimConfig,
    *,
    filled: Decimal,
    triggered: bool,
    position: Decimal,
    buying_power: Decimal,
    volume_used: Decimal = ZERO,
    queue_ahead: Decimal | None = None,
    seed: int,
) -> MatchResult:
    """What one bar does to one working order; the same arguments give the same result.

    position and buying_power are the account's before this order's own reservation is taken off;
    volume_used is what the account's earlier orders took of this bar; queue_ahead is what the last result
    said. An order trades on no bar that starts before it was accepted, and on one outside the regular session only
    when it asked for extended hours; a post-only order that would take on its arrival ends with POST_ONLY_WOULD_CROSS.
    """
    if bar.start_ms < order.accepted_ms:
        return MatchResult((), SimState.WORKING, "", triggered)
    ends_ms = order.ends_ms(config.calendar)
    if ends_ms is not None and bar.start_ms >= ends_ms:
        return MatchResult((), SimState.EXPIRED, "ORDER_EXPIRED", triggered)
    arrives_ms = order.accepted_ms + config.latency_ms
    if arrives_ms >= bar.end_ms:
        return MatchResult((), SimState.WORKING, "", triggered)
    has_rested = queue_ahead is not None or (order.post_only and arrives_ms < bar.start_ms)
    if bar.is_extended and not order.extended_hours:
        return _left_alone(order, triggered, queue_ahead)
    with localcontext(EXACT):
        case = Case(order, bar, instrument, config, seed, has_rested)
        price, triggered = quote(case, triggered)
        spot = None
        if is_queued(case, price, triggered=triggered):
            spot = place(case, price, queue_ahead, volume_used)
        if price is None or (spot is not None and spot.reached == 0):
            return _left_alone(order, triggered, spot.ahead if spot else None)
        if order.post_only and price.liquidity == "TAKER":
            return MatchResult((), SimState.CANCELED, "POST_ONLY_WOULD_CROSS", triggered)
        leaves = order.quantity - filled
        quantity, code = _account_allows(case, price, leaves, position, buying_power)
        available = _volume_left(case, volume_used, spot)
        if available is not None and available < quantity:
            quantity, code = available, ""
        return _settle(case, price, quantity, leaves, code, triggered, spot)


def _left_alone(order: SimOrder, triggered: bool, ahead: Decimal | None) -> MatchResult:
    """An order whose price was not reached, not its turn or not its hours: immediate ones end, others keep working."""
    if order.is_immediate():
        return MatchResult((), SimState.CANCELED, "ORDER_NOT_FILLABLE", triggered)
    return MatchResult((), SimState.WORKING, "", triggered, ahead)


def _settle(
    case: Case, price: Quote, quantity: Decimal, leaves: Decimal, code: str, triggered: bool, spot: Place | None
) -> MatchResult:
    """Turn the quantity that can trade into a fill and the order's next state."""
    order = case.order
    if order.time_in_force == TimeInForce.FOK and quantity < leaves:
        return MatchResult((), SimState.CANCELED, code or "ORDER_NOT_FILLABLE", triggered)
    fills: tuple[SimFill, ...] = ()
    if quantity > 0:
        fee = fee_for(quantity, price.price, price.liquidity, case.instrument, case.config)
        fills = (SimFill(order.order_id, quantity, price.price, fee, price.liquidity, case.bar.end_ms),)
    if quantity == leaves:
        return MatchResult(fills, SimState.FILLED, "", triggered)
    if code or order.time_in_force == TimeInForce.IOC:
        return MatchResult(fills, SimState.CANCELED, code or "ORDER_NOT_FILLABLE", triggered)
    return MatchResult(fills, SimState.WORKING, "", triggered, spot.ahead if spot else None)


def _account_allows(
    case: Case, price: Quote, leaves: Decimal, position: Decimal, buying_power: Decimal
) -> tuple[Decimal, str]:
    """How much position and money let trade, and the code that ends the order when that is less."""
    order, quantity, code = case.order, leaves, ""
    closable = max(ZERO, position if order.side == Side.SELL else -position)
    may_only_close = order.reduce_only or (order.side == Side.SELL and not case.config.allow_short)
    if may_only_close and closable < quantity:
        quantity = closable
        code = "REDUCE_ONLY_NO_POSITION" if order.reduce_only else "POSITION_INSUFFICIENT"
    closing = min(quantity, closable)
    affordable = closing + _affordable(case, price, quantity - closing, buying_power)
    if affordable < quantity:
        return affordable, "BUYING_POWER_INSUFFICIENT"
    return quantity, code


def _affordable(case: Case, price: Quote, opening: Decimal, buying_power: Decimal) -> Decimal:
    """The part of an opening quantity that the money pays for, fee included."""
    if opening <= 0:
        return ZERO
    fee_bps = _fee_bps(price.liquidity, case.config)
    unit = price.price * case.instrument.multiplier * (ONE + fee_bps / TEN_THOUSAND)
    if opening * unit + FEE_STEP <= buying_power:
        return opening
    return floor_to_step(max(ZERO, buying_power - FEE_STEP) / unit, case.instrument.lot_size)


def _volume_left(case: Case, volume_used: Decimal, spot: Place | None) -> Decimal | None:
    """What the participation cap and the queue leave of this bar's volume, in whole lots; None without either."""
    cap, reached = case.config.participation_cap, spot.reached if spot else None
    if cap is None:
        return reached
    left = max(ZERO, floor_to_step(case.bar.volume * cap, case.instrument.lot_size) - volume_used)
    return left if reached is None else min(left, reached)


def fee_for(quantity: Decimal, price: Decimal, liquidity: str, instrument: Instrument, config: SimConfig) -> Decimal:
    """The fee of an execution in the instrument's currency, rounded up to 8 decimal places."""
    notional = EXACT.multiply(EXACT.multiply(quantity, price), instrument.multiplier)
    fee = EXACT.divide(EXACT.multiply(notional, _fee_bps(liquidity, config)), TEN_THOUSAND)
    return fee.quantize(FEE_STEP, rounding=ROUND_UP, context=EXACT)


def _fee_bps(liquidity: str, config: SimConfig) -> Decimal:
    return config.maker_fee_bps if liquidity == "MAKER" else config.taker_fee_bps
