"""Plain facts for the pre-trade check: an order that passes, and what may be changed about it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from apps.risk import rules

LIMITS = {
    "order_quantity": Decimal(10),
    "order_notional": Decimal(2_000),
    "position": Decimal(12),
    "collar_bps": Decimal(100),
    "orders_per_minute": Decimal(5),
}
ORDER = rules.OrderFacts(side="BUY", quantity=Decimal(1), order_type="MARKET", purpose="OPENING")
INSTRUMENT = rules.InstrumentFacts(lot_size=Decimal("0.5"), tick_size=Decimal("0.25"), multiplier=Decimal(2))
MARKET = rules.MarketFacts(reference_price=Decimal(100), is_fresh=True, base_rate=Decimal(1))
FLAT = rules.ExposureFacts()


def with_fields(base: Any, fields: dict[str, Any]) -> Any:
    """`base` with fields replaced; text becomes a decimal where a number belongs."""
    numbers = {"quantity", "limit_price", "stop_price", "position", "working_buy", "working_sell"}
    exact = {name: Decimal(value) if name in numbers and value is not None else value for name, value in fields.items()}
    return replace(base, **exact)


def codes(
    *,
    instrument: rules.InstrumentFacts | None = INSTRUMENT,
    exposure: dict[str, Any] | None = None,
    limits: dict[str, Decimal] | None = None,
    market: dict[str, Any] | None = None,
    **order: Any,
) -> list[str]:
    """The codes of the check on the passing order with these changes; sorted."""
    denials = rules.check(
        with_fields(ORDER, order),
        instrument,
        with_fields(FLAT, exposure or {}),
        LIMITS if limits is None else limits,
        with_fields(MARKET, market or {}),
    )
    return sorted(denial.code for denial in denials)


def without(kind: str) -> dict[str, Decimal]:
    """The limits without one kind."""
    return {name: value for name, value in LIMITS.items() if name != kind}
