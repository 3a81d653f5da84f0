"""What it costs and at which price: freshness, collar, band, notional, capital, buying power."""

from collections.abc import Mapping
from decimal import Decimal, localcontext

from apps.risk.rules.facts import (
    BPS,
    FIGURES,
    INFINITY,
    LIMITED,
    MINUS_INFINITY,
    NAN,
    ZERO,
    Denial,
    InstrumentFacts,
    MarketFacts,
    OrderFacts,
    VenueFacts,
    exceeded,
    written,
)


def notional(order: OrderFacts, instrument: InstrumentFacts, market: MarketFacts) -> Decimal | None:
    """What the order is worth in base currency at the dearest price known; None without a price or a rate."""
    with localcontext(FIGURES):
        value = order.quantity * unit_value(order, instrument, market) * (market.base_rate or ZERO)
        return value if ZERO < value < INFINITY else None


def unit_value(order: OrderFacts, instrument: InstrumentFacts, market: MarketFacts) -> Decimal:
    """What one unit is worth in quote currency at the highest price: the order's, the venue's or the feed's.

    A stale price counts too: it can only make the order dearer. Zero without any price, which judge_prices refuses.
    """
    highest = ZERO
    for price in (market.venue_price, market.reference_price, order.limit_price, order.stop_price):
        if price is not None and highest < price < INFINITY:
            highest = price
    return highest * instrument.multiplier


def judge_prices(order: OrderFacts, market: MarketFacts, limits: Mapping[str, Decimal], found: list[Denial]) -> None:
    """A fresh feed, a fresh reference that is not the feed, and the collar around it.

    An exit needs no reference; a person's limit price gets out without a feed.
    """
    feed, venue_price = market.reference_price, market.venue_price
    limit = order.limit_price if order.order_type in LIMITED else None
    is_exit = order.purpose == "EXIT"
    is_known = feed is not None and ZERO < feed < INFINITY
    if not (is_known and market.is_fresh):
        feed = None
        if not (is_exit and order.by_person and limit is not None):
            found.append(Denial("PRICE_STALE" if is_known else "PRICE_MISSING", {}))
    if venue_price is None or not market.is_venue_price_fresh or not ZERO < venue_price < INFINITY:
        venue_price = None
        if not is_exit:
            found.append(Denial("REFERENCE_STALE", {}))
    bound = limits.get("collar_bps", NAN)
    if not MINUS_INFINITY < bound < INFINITY:
        if not is_exit or "collar_bps" in limits:
            found.append(exceeded("PRICE_OUTSIDE_COLLAR", "collar_bps", bound))
    elif venue_price is not None:
        _collar(order.side, limit, feed, _anchor(order, venue_price), bound, found)


def _anchor(order: OrderFacts, reference: Decimal) -> Decimal:
    """What a limit price is measured from: a stop that still waits trades where it triggers, not here."""
    stop = order.stop_price
    if order.order_type != "STOP_LIMIT" or stop is None:
        return reference
    return max(reference, stop) if order.side == "BUY" else min(reference, stop)


def _collar(
    side: str, limit: Decimal | None, feed: Decimal | None, reference: Decimal, bound: Decimal, found: list[Denial]
) -> None:
    """A limit price may be better than the reference; without one, feed and venue have to agree."""
    if limit is not None:
        beyond = limit - reference if side == "BUY" else reference - limit
    elif feed is not None:
        beyond = abs(feed - reference)
    else:
        return
    if not (beyond * BPS <= bound * reference and bound >= ZERO):
        away = (beyond * BPS * 10 // reference).scaleb(-1)  # a tenth of a basis point is enough to read
        found.append(exceeded("PRICE_OUTSIDE_COLLAR", "collar_bps", bound, away_bps=away))


def judge_decision(order: OrderFacts, instrument: InstrumentFacts, market: MarketFacts, found: list[Denial]) -> None:
    """The age of the decision and the exchange's price band; exits are excused."""
    if not market.is_decision_fresh:
        found.append(Denial("DECISION_STALE", {}))
    if instrument.limit_up is not None or instrument.limit_down is not None:
        _band(order, instrument, found)


def _band(order: OrderFacts, instrument: InstrumentFacts, found: list[Denial]) -> None:
    """An edge that is no price lets nothing through."""
    up, down = instrument.limit_up, instrument.limit_down
    limit, stop = order.limit_price, order.stop_price
    if up is not None and not (
        ZERO < up < INFINITY and (limit is None or limit <= up) and (stop is None or stop <= up)
    ):
        found.append(Denial("PRICE_OUTSIDE_BAND", {"limit_up": written(up)}))
    if down is not None and not (
        ZERO < down < INFINITY and (limit is None or limit >= down) and (stop is None or stop >= down)
    ):
        found.append(Denial("PRICE_OUTSIDE_BAND", {"limit_down": written(down)}))


def judge_notional(
    order: OrderFacts, unit: Decimal, market: MarketFacts, limits: Mapping[str, Decimal], found: list[Denial]
) -> Decimal:
    """What one order may be worth, in base currency; its worth is returned, zero when the rate is unknown."""
    rate = market.base_rate
    if rate is None or not ZERO < rate < INFINITY:
        found.append(Denial("FX_RATE_STALE", {"currency": "base"}))
        rate = ZERO
    value = order.quantity * unit * rate
    bound = limits.get("order_notional", NAN)
    if not value <= bound < INFINITY:
        found.append(exceeded("NOTIONAL_ABOVE_LIMIT", "order_notional", bound, notional=value))
    return value


def judge_money(
    order: OrderFacts,
    unit: Decimal,
    worst: Decimal,
    limits: Mapping[str, Decimal],
    market: MarketFacts,
    venue: VenueFacts,
    found: list[Denial],
) -> None:
    """The worst position has to fit into the approved capital, a buy into the venue's buying power.

    Both are in the account's currency; `unit` is what one unit is worth in the quote currency.
    """
    rate, power = market.account_rate, venue.buying_power
    if rate is None or not ZERO < rate < INFINITY:
        found.append(Denial("FX_RATE_STALE", {"currency": "account"}))
        rate = ZERO
    unit = unit * rate
    value = abs(worst) * unit
    bound = limits.get("capital", NAN)
    if not value <= bound < INFINITY:
        found.append(exceeded("CAPITAL_EXCEEDED", "capital", bound, value=value))
    if order.side != "BUY":
        return
    if power is None or not MINUS_INFINITY < power < INFINITY:
        found.append(Denial("BUYING_POWER_UNKNOWN", {}))
    elif not (cost := order.quantity * unit) <= power:
        found.append(Denial("BUYING_POWER_EXCEEDED", {"cost": written(cost), "buying_power": written(power)}))
