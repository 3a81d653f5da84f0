"""Plain facts for the pre-trade check: an order that passes, and what may be changed about it."""

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from apps.risk import rules

LIMITS = {
    "order_quantity": Decimal(10),
    "order_notional": Decimal(2_000),
    "position": Decimal(12),
    "collar_bps": Decimal(100),
    "orders_per_minute": Decimal(5),
    "messages_per_second": Decimal(3),
    "repeat_executions": Decimal(4),
    "capital": Decimal(1_000_000),
}
SCOPE_LIMITS = {
    "gross_exposure": Decimal(10_000),
    "net_exposure": Decimal(8_000),
    "open_orders": Decimal(20),
    "daily_loss": Decimal(500),
    "drawdown": Decimal(700),
}
TYPES = frozenset({"MARKET", "LIMIT", "STOP", "STOP_LIMIT"})
TIMES = frozenset({"DAY", "GTC", "IOC", "FOK"})
ORDER = rules.OrderFacts(
    side="BUY", quantity=Decimal(1), order_type="MARKET", purpose="OPENING", parent_left=None, parent_agrees=True
)
INSTRUMENT = rules.InstrumentFacts(
    lot_size=Decimal("0.5"), tick_size=Decimal("0.25"), multiplier=Decimal(2), is_entitled=True, has_extended_hours=True
)
MARKET = rules.MarketFacts(
    reference_price=Decimal(100),
    is_fresh=True,
    base_rate=Decimal(1),
    account_rate=Decimal(1),
    is_decision_fresh=True,
    venue_price=Decimal(100),
    is_venue_price_fresh=True,
)
FLAT = rules.ExposureFacts(
    position=Decimal(0),
    working_buy=Decimal(0),
    working_sell=Decimal(0),
    orders_this_minute=0,
    orders_this_second=0,
    repeats=0,
    is_throttled=False,
    is_duplicate=False,
    crosses_own=False,
    trading_state=rules.ACTIVE,
    mode_agrees=True,
)
ENTITLED = rules.Entitlements(
    sides=frozenset({"BUY", "SELL"}), order_types=TYPES, times_in_force=TIMES, shorting=True, extended_hours=True
)
VENUE = rules.VenueFacts(
    order_types=TYPES,
    times_in_force=TIMES,
    has_reduce_only=True,
    has_post_only=True,
    is_up=True,
    maintenance=None,
    buying_power=Decimal(1_000_000),
    has_extended_hours=True,
)
OPEN = rules.SessionFacts(is_open=True, is_halted=False, closes_in_s=None, flat_before_close_s=None)
DESK = rules.ScopeFacts(
    name="desk",
    limits=SCOPE_LIMITS,
    gross=Decimal(0),
    net=Decimal(0),
    buying=Decimal(0),
    selling=Decimal(0),
    open_orders=0,
    daily_loss=Decimal(0),
    drawdown=Decimal(0),
)
FIRM = replace(DESK, name="firm")


def with_fields(base: Any, changes: dict[str, Any]) -> Any:
    """`base` with fields replaced; text becomes a decimal where a number belongs."""
    numbers = {field.name for field in fields(base) if "Decimal" in str(field.type)} - {"limits"}
    exact = {
        name: Decimal(value) if name in numbers and isinstance(value, str) else value for name, value in changes.items()
    }
    return replace(base, **exact)


def denials(
    *,
    instrument: dict[str, Any] | None = None,
    exposure: dict[str, Any] | None = None,
    limits: dict[str, Decimal] | None = None,
    market: dict[str, Any] | None = None,
    entitlements: dict[str, Any] | None = None,
    venue: dict[str, Any] | None = None,
    session: dict[str, Any] | None = None,
    desk: dict[str, Any] | None = None,
    scopes: list[rules.ScopeFacts] | None = None,
    **order: Any,
) -> list[rules.Denial]:
    """The check on the passing order with these changes; `desk` changes one of its two scopes."""
    return rules.check(
        with_fields(ORDER, order),
        with_fields(INSTRUMENT, instrument or {}),
        with_fields(FLAT, exposure or {}),
        LIMITS if limits is None else limits,
        with_fields(MARKET, market or {}),
        entitlements=with_fields(ENTITLED, entitlements or {}),
        venue=with_fields(VENUE, venue or {}),
        session=with_fields(OPEN, session or {}),
        scopes=[FIRM, with_fields(DESK, desk or {})] if scopes is None else scopes,
    )


def codes(**changes: Any) -> list[str]:
    """The codes of `denials`, sorted."""
    return sorted(denial.code for denial in denials(**changes))


def without(kind: str) -> dict[str, Decimal]:
    """The bot's limits without one kind."""
    return {name: value for name, value in LIMITS.items() if name != kind}
