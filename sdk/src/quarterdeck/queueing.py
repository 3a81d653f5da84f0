"""The queue at a price: a resting order trades only after the volume ahead of it has.

How much stands ahead when an order joins is drawn uniformly from [0, 2 x queue_share) of that bar's volume.
A bar that goes through the limit has traded the whole queue. A bar that only touches it trades there its
volume spread evenly over the prices between its low and its high, less what the account's earlier orders took.
"""

from decimal import Decimal
from typing import NamedTuple

from quarterdeck.decimals import ZERO, floor_to_step
from quarterdeck.events import OrderType, Side
from quarterdeck.pricing import DRAW_STEPS, Case, Quote, draw, far_side, required


class Place(NamedTuple):
    """The volume ahead of an order after a bar, and how much of the order it reached (None: all of it)."""

    ahead: Decimal
    reached: Decimal | None


def is_queued(case: Case, price: Quote | None, *, triggered: bool) -> bool:
    """Whether the order stands in a queue on this bar: a working limit that does not trade as a taker."""
    order = case.order
    if not case.config.queue_share or order.limit_price is None:
        return False
    is_working = order.order_type == OrderType.LIMIT or triggered
    return is_working and (price is None or price.liquidity == "MAKER")


def place(case: Case, price: Quote | None, ahead: Decimal | None, volume_used: Decimal) -> Place:
    """Where a queued order stands after the bar; `ahead` is None when it joins with this bar."""
    ahead = _drawn(case) if ahead is None else ahead
    if price is None:
        return Place(ahead, ZERO)
    if _goes_through(case):
        return Place(ZERO, None)
    traded = max(ZERO, _traded_at_limit(case) - volume_used)
    reached = floor_to_step(max(ZERO, traded - ahead), case.instrument.lot_size)
    return Place(max(ZERO, ahead - traded), reached)


def _drawn(case: Case) -> Decimal:
    share = case.config.queue_share * 2 * draw(case, ":queue") / DRAW_STEPS
    return floor_to_step(case.bar.volume * share, case.instrument.lot_size)


def _goes_through(case: Case) -> bool:
    """Whether the far side went at least a tick beyond the limit."""
    bar, side, limit = case.bar, case.order.side, required(case.order.limit_price)
    tick = case.instrument.tick_size
    if side == Side.BUY:
        return far_side(side, bar.low, case.config) <= limit - tick
    return far_side(side, bar.high, case.config) >= limit + tick


def _traded_at_limit(case: Case) -> Decimal:
    bar, tick = case.bar, case.instrument.tick_size
    return bar.volume * tick / (bar.high - bar.low + tick)
