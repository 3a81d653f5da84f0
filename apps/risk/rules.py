"""The pre-trade check: pure, exact, and explicit about every refusal (SEC rule 15c3-5; RTS 6 art. 15)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from quarterdeck.decimals import EXACT

BPS = Decimal(10_000)
ACTIVE, REDUCING, HALTED = 0, 1, 2
REQUIRED = ("order_quantity", "order_notional", "position", "collar_bps", "orders_per_minute")


@dataclass(frozen=True, slots=True)
class Denial:
    """One reason why an order is refused: a stable `CATEGORY_CONDITION` code with its figures."""

    code: str
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What is asked for. Quantity and prices in the instrument's units, exact."""

    side: str
    quantity: Decimal
    order_type: str
    purpose: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    is_reduce_only: bool = False
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class InstrumentFacts:
    """Steps and size of what is traded; `is_entitled` when it is in the bot's blast radius."""

    lot_size: Decimal
    tick_size: Decimal
    multiplier: Decimal
    is_entitled: bool = True


@dataclass(frozen=True, slots=True)
class ExposureFacts:
    """The bot's signed position and working orders in units, and its orders of this minute."""

    position: Decimal = Decimal(0)
    working_buy: Decimal = Decimal(0)
    working_sell: Decimal = Decimal(0)
    orders_this_minute: int = 0
    trading_state: int = ACTIVE
    mode_agrees: bool = True


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """The reference price and the rate to base currency; None where there is no answer.

    `account_rate` leads to the account's currency, in which capital is counted. `is_decision_fresh` is False
    for a decision taken on bars that are long past, as in a catch-up.
    """

    reference_price: Decimal | None
    is_fresh: bool
    base_rate: Decimal | None
    account_rate: Decimal | None = None
    is_decision_fresh: bool = True


def check(
    order: OrderFacts,
    instrument: InstrumentFacts | None,
    exposure: ExposureFacts,
    limits: Mapping[str, Decimal],
    market: MarketFacts,
) -> list[Denial]:
    """Every reason to refuse `order`; empty means that it may go on to a send permit.

    `limits` maps risk.states.LimitKind to the effective value; a required kind that is missing refuses.
    """
    if instrument is None:
        return [Denial("INSTRUMENT_UNKNOWN", {})]
    with localcontext(EXACT):
        return _denials(order, instrument, exposure, limits, market)


def _denials(
    order: OrderFacts,
    instrument: InstrumentFacts,
    exposure: ExposureFacts,
    limits: Mapping[str, Decimal],
    market: MarketFacts,
) -> list[Denial]:
    malformed = list(_shape(order, instrument))
    if malformed:
        return malformed
    rules = (
        _mode(exposure),
        _entitlement(instrument),
        _trading_state(order, exposure),
        _missing(limits),
        _quantity(order, limits),
        _rate(order, exposure, limits),
        _prices(order, market, instrument, limits),
        _position(order, exposure, limits),
        _capital(order, exposure, instrument, limits, market),
        _reduction(order, exposure),
    )
    return [denial for found in rules for denial in found]


def _shape(order: OrderFacts, instrument: InstrumentFacts) -> Iterable[Denial]:
    if not order.quantity.is_finite() or order.quantity <= 0:
        yield Denial("QUANTITY_NOT_POSITIVE", {"quantity": str(order.quantity)})
        return
    if order.quantity % instrument.lot_size != 0:
        yield Denial("QUANTITY_STEP", {"lot_size": str(instrument.lot_size)})
    if order.order_type in ("LIMIT", "STOP_LIMIT") and order.limit_price is None:
        yield Denial("PRICE_MISSING", {"field": "limit_price"})
    if order.order_type in ("STOP", "STOP_LIMIT") and order.stop_price is None:
        yield Denial("PRICE_MISSING", {"field": "stop_price"})
    for name, price in (("limit_price", order.limit_price), ("stop_price", order.stop_price)):
        if price is not None and (not price.is_finite() or price <= 0):
            yield Denial("PRICE_NOT_POSITIVE", {"field": name})
        elif price is not None and price % instrument.tick_size != 0:
            yield Denial("PRICE_STEP", {"field": name, "tick_size": str(instrument.tick_size)})


def _mode(exposure: ExposureFacts) -> Iterable[Denial]:
    if not exposure.mode_agrees:
        yield Denial("MODE_MISMATCH", {})


def _entitlement(instrument: InstrumentFacts) -> Iterable[Denial]:
    if not instrument.is_entitled:
        yield Denial("INSTRUMENT_NOT_ENTITLED", {})


def _trading_state(order: OrderFacts, exposure: ExposureFacts) -> Iterable[Denial]:
    if not passes_holds(order.purpose, order.by_person, exposure.trading_state):
        code = "HOLD_HALTED" if exposure.trading_state == HALTED else "HOLD_REDUCING"
        yield Denial(code, {})


def passes_holds(purpose: str, by_person: bool, trading_state: int) -> bool:
    """Whether a new order may go out in a trading state (design §6).

    REDUCING: bots may send exits. HALTED: no bot sends anything; exits by an authorised person pass.
    """
    if trading_state == ACTIVE:
        return True
    return purpose == "EXIT" and (by_person or trading_state == REDUCING)


def _missing(limits: Mapping[str, Decimal]) -> Iterable[Denial]:
    for kind in REQUIRED:
        if kind not in limits:
            yield Denial("LIMIT_MISSING", {"limit": kind})


def _quantity(order: OrderFacts, limits: Mapping[str, Decimal]) -> Iterable[Denial]:
    bound = limits.get("order_quantity")
    if bound is not None and order.quantity > bound and order.purpose != "EXIT":
        yield Denial("QUANTITY_ABOVE_LIMIT", {"quantity": str(order.quantity), "limit": str(bound)})


def _rate(order: OrderFacts, exposure: ExposureFacts, limits: Mapping[str, Decimal]) -> Iterable[Denial]:
    bound = limits.get("orders_per_minute")
    if order.purpose == "EXIT" and order.by_person:
        return  # whatever the bot has sent, a person gets out
    # Exits have a reserve of their own, so that a bot that spends its rate on openings can still get out.
    reserve = 2 if order.purpose == "EXIT" else 1
    if bound is not None and exposure.orders_this_minute + 1 > bound * reserve:
        yield Denial("RATE_ABOVE_LIMIT", {"orders_this_minute": exposure.orders_this_minute, "limit": str(bound)})


def _prices(
    order: OrderFacts, market: MarketFacts, instrument: InstrumentFacts, limits: Mapping[str, Decimal]
) -> Iterable[Denial]:
    # A person's limit price is enough to get out when the feed is stale.
    excused = order.purpose == "EXIT" and order.by_person and order.limit_price is not None
    if not market.is_decision_fresh and order.purpose != "EXIT":
        yield Denial("DECISION_STALE", {})
    if market.reference_price is None or not market.is_fresh:
        if not excused:
            yield Denial("PRICE_STALE" if market.reference_price is not None else "PRICE_MISSING", {})
        return
    yield from _collar(order, market.reference_price, limits)
    if market.base_rate is None:
        if order.purpose != "EXIT":
            yield Denial("FX_RATE_STALE", {})
        return
    price = max(p for p in (order.limit_price, order.stop_price, market.reference_price) if p is not None)
    notional = order.quantity * price * instrument.multiplier * market.base_rate
    bound = limits.get("order_notional")
    if bound is not None and notional > bound and order.purpose != "EXIT":
        yield Denial("NOTIONAL_ABOVE_LIMIT", {"notional": str(notional), "limit": str(bound)})


def _collar(order: OrderFacts, reference: Decimal, limits: Mapping[str, Decimal]) -> Iterable[Denial]:
    bound = limits.get("collar_bps")
    if bound is None or order.limit_price is None:
        return
    beyond = order.limit_price - reference if order.side == "BUY" else reference - order.limit_price
    if beyond * BPS > bound * reference:
        away = str((beyond * BPS / reference).quantize(Decimal("0.1")))
        yield Denial("PRICE_OUTSIDE_COLLAR", {"away_bps": away, "limit": str(bound)})


def _position(order: OrderFacts, exposure: ExposureFacts, limits: Mapping[str, Decimal]) -> Iterable[Denial]:
    bound = limits.get("position")
    if bound is None or order.purpose == "EXIT":
        return
    worst = worst_position(order, exposure)
    if abs(worst) > bound:
        yield Denial("POSITION_ABOVE_LIMIT", {"position": str(worst), "limit": str(bound)})


def _capital(
    order: OrderFacts,
    exposure: ExposureFacts,
    instrument: InstrumentFacts,
    limits: Mapping[str, Decimal],
    market: MarketFacts,
) -> Iterable[Denial]:
    """The worst position that the order could lead to must fit into the capital that was approved."""
    bound = limits.get("capital")
    if bound is None or order.purpose != "OPENING" or market.reference_price is None:
        return
    if market.account_rate is None:
        yield Denial("FX_RATE_STALE", {"currency": "account"})
        return
    price = max(p for p in (order.limit_price, order.stop_price, market.reference_price) if p is not None)
    value = EXACT.multiply(abs(worst_position(order, exposure)), price)
    value = EXACT.multiply(EXACT.multiply(value, instrument.multiplier), market.account_rate)
    if value > bound:
        yield Denial("CAPITAL_EXCEEDED", {"value": str(value), "capital": str(bound)})


def worst_position(order: OrderFacts, exposure: ExposureFacts) -> Decimal:
    """The position if this order and every working order on its side were filled, nothing on the other."""
    if order.side == "BUY":
        return EXACT.add(EXACT.add(exposure.position, exposure.working_buy), order.quantity)
    return EXACT.subtract(EXACT.subtract(exposure.position, exposure.working_sell), order.quantity)


def _reduction(order: OrderFacts, exposure: ExposureFacts) -> Iterable[Denial]:
    if order.purpose != "EXIT" and not order.is_reduce_only:
        return
    if order.quantity > closable(order.side, exposure.position, exposure.working_buy, exposure.working_sell):
        yield Denial("EXIT_EXCEEDS_POSITION", {"position": str(exposure.position)})


def closable(side: str, position: Decimal, working_buy: Decimal, working_sell: Decimal) -> Decimal:
    """How many units an order on `side` may still close without crossing zero, working orders at worst."""
    if side == "SELL":
        return max(Decimal(0), EXACT.subtract(position, working_sell))
    return max(Decimal(0), EXACT.subtract(position.copy_negate(), working_buy))


def strictest(values: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """The effective limits: the smallest value of each kind over all sources."""
    merged: dict[str, Decimal] = {}
    for source in values:
        for kind, value in source.items():
            merged[kind] = min(value, merged.get(kind, value))
    return merged
