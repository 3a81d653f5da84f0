"""The price an order gets on a bar, if any.

The reference is the open, moved along the straight line to the close by the latency; the far side of the
book is the reference plus or minus half the spread. A taker pays slippage on top, drawn uniformly from
[0, 2 x slippage) by the seed, the order and the bar alone. A limit order that the reference has crossed
trades at once as a taker at its limit or better; otherwise it rests and trades at its limit, as a maker,
when the bar's extreme brings the far side to it. Where there is a queue, and for a post-only order, an order
that rested before the bar is a maker even when the reference has crossed it.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from hashlib import blake2b
from typing import NamedTuple

from quarterdeck.decimals import TEN_THOUSAND
from quarterdeck.events import Bar, Instrument, OrderType, Side
from quarterdeck.simvalues import SimConfig, SimOrder

DRAW_STEPS = 1_000_000


class Case(NamedTuple):
    """One order meeting one bar."""

    order: SimOrder
    bar: Bar
    instrument: Instrument
    config: SimConfig
    seed: int
    has_rested: bool = False


class Quote(NamedTuple):
    """A price at which an order can trade on a bar, and as what."""

    price: Decimal
    liquidity: str


def quote(case: Case, triggered: bool) -> tuple[Quote | None, bool]:
    """The price the order gets on this bar, if any, and whether its stop has triggered by now."""
    order, reference = case.order, _reference(case)
    is_stop = order.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    triggers_now = False
    if is_stop and not triggered:
        stop = required(order.stop_price)
        if not _stop_reached(order.side, case.bar, stop):
            return None, False
        reference = max(reference, stop) if order.side == Side.BUY else min(reference, stop)
        triggers_now = True
    taker = _taker_price(case, reference)
    if order.order_type in (OrderType.MARKET, OrderType.STOP):
        return Quote(taker, "TAKER"), is_stop
    # The path after a trigger is unknown inside the bar: a stop-limit rests unless it crosses at once.
    may_rest = not triggers_now and not (case.config.queue_share and order.is_immediate())
    return _limit_quote(case, reference, taker, may_rest=may_rest), is_stop


def _stop_reached(side: Side, bar: Bar, stop: Decimal) -> bool:
    return bar.high >= stop if side == Side.BUY else bar.low <= stop


def _limit_quote(case: Case, reference: Decimal, taker: Decimal, *, may_rest: bool) -> Quote | None:
    side, limit = case.order.side, required(case.order.limit_price)
    if not case.has_rested and _reaches(side, far_side(side, reference, case.config), limit):
        return Quote(min(taker, limit) if side == Side.BUY else max(taker, limit), "TAKER")
    extreme = case.bar.low if side == Side.BUY else case.bar.high
    if may_rest and _reaches(side, far_side(side, extreme, case.config), limit):
        return Quote(limit, "MAKER")
    return None


def _reaches(side: Side, price: Decimal, limit: Decimal) -> bool:
    return price <= limit if side == Side.BUY else price >= limit


def _reference(case: Case) -> Decimal:
    bar = case.bar
    late_ms = case.order.accepted_ms + case.config.latency_ms - bar.start_ms
    if late_ms <= 0:
        return bar.open
    return bar.open + (bar.close - bar.open) * late_ms / (bar.end_ms - bar.start_ms)


def far_side(side: Side, price: Decimal, config: SimConfig) -> Decimal:
    """The ask for a buyer, the bid for a seller."""
    spread = price * config.half_spread_bps / TEN_THOUSAND
    return price + spread if side == Side.BUY else price - spread


def _taker_price(case: Case, reference: Decimal) -> Decimal:
    """Far side plus slippage, rounded to the tick against the order; never below one tick."""
    slippage_bps = case.config.slippage_bps
    if slippage_bps:
        slippage_bps = slippage_bps * 2 * draw(case) / DRAW_STEPS
    cost = reference * (case.config.half_spread_bps + slippage_bps) / TEN_THOUSAND
    tick = case.instrument.tick_size
    if case.order.side == Side.BUY:
        return _to_tick(reference + cost, tick, ROUND_CEILING)
    return max(_to_tick(reference - cost, tick, ROUND_FLOOR), tick)


def _to_tick(price: Decimal, tick: Decimal, rounding: str) -> Decimal:
    return (price / tick).to_integral_value(rounding=rounding) * tick


def draw(case: Case, purpose: str = "") -> int:
    """A number in [0, 1,000,000) that depends on nothing but the seed, the order, the bar and the purpose."""
    text = f"{case.seed}:{case.order.order_id}:{case.bar.end_ms}{purpose}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") % DRAW_STEPS


def required(price: Decimal | None) -> Decimal:
    """A price that acceptance has already insisted on."""
    if price is None:
        raise ValueError("the order type needs a price that is missing")
    return price
