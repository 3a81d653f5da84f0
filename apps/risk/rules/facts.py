"""What the pre-trade check is told, as plain values; a fact without a default has to be stated.

Defaults are the closed side: whoever forgets one is refused, never let through.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, Inexact
from typing import Any

from apps.common.decimals import text_of

BPS = Decimal(10_000)
ZERO = Decimal(0)
INFINITY = Decimal("Infinity")
MINUS_INFINITY = Decimal("-Infinity")
NAN = Decimal("NaN")
ACTIVE, REDUCING, HALTED = 0, 1, 2
LIMITED = frozenset({"LIMIT", "STOP_LIMIT"})
STOPPED = frozenset({"STOP", "STOP_LIMIT"})

# Products of five stored numbers (38 digits each) fit, so nothing is rounded; what would be rounded is refused. What
# is no number stays NaN, and every comparison with NaN is False: bounds are written as `not figure <= bound`.
FIGURES = Context(prec=400, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact])
TEXT_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Denial:
    """One reason why an order is refused: a stable `CATEGORY_CONDITION` code with its figures."""

    code: str
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """What is asked for. Quantity and prices in the instrument's units, exact.

    `parent_left` is what the parent order has not yet handed to its children; None when there is no parent.
    `parent_agrees` when its other children named the same whole quantity. `is_planned` is a slice of an exit plan,
    which paces the legs of a hedge itself.
    """

    side: str
    quantity: Decimal
    order_type: str
    time_in_force: str = "GTC"
    purpose: str
    parent_left: Decimal | None
    parent_agrees: bool = False
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    is_reduce_only: bool = False
    is_post_only: bool = False
    is_extended_hours: bool = False
    by_person: bool = False
    is_planned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentFacts:
    """Steps and size of what is traded; `is_entitled` when it is in the bot's blast radius.

    `limit_up` and `limit_down` are the exchange's price band of the day, where it has one. `has_extended_hours` when it
    is known to trade before and after its session too.
    """

    lot_size: Decimal
    tick_size: Decimal
    multiplier: Decimal
    is_entitled: bool = False
    is_expired: bool = False
    limit_up: Decimal | None = None
    limit_down: Decimal | None = None
    has_extended_hours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """What the approved configuration lets the bot do with its instrument."""

    sides: frozenset[str]
    order_types: frozenset[str]
    times_in_force: frozenset[str]
    shorting: bool
    extended_hours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceFacts:
    """A window of announced maintenance: wall seconds until it starts, zero or less while it runs, and when it ends."""

    starts_in_s: int
    ends_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFacts:
    """What the venue takes, whether it answers, and the buying power in the account's currency.

    Open buy orders are already deducted from `buying_power`; None when the venue has not said it recently.
    `maintenance` is the window that concerns the instrument there and runs or starts next; None: nothing is announced.
    """

    order_types: frozenset[str]
    times_in_force: frozenset[str]
    has_reduce_only: bool
    has_post_only: bool
    is_up: bool
    maintenance: MaintenanceFacts | None
    buying_power: Decimal | None
    has_extended_hours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """The instrument's session on the market clock, in seconds.

    `closes_in_s` is None for a market that never closes; `flat_before_close_s` is None for a bot that may carry. Of an
    order that asks for extended hours, `is_extended` says whether the instrument trades now if those count, and
    `closes_in_s` leads to the regular close of that day: below zero in the hours after it.
    """

    is_open: bool
    is_halted: bool
    closes_in_s: int | None
    flat_before_close_s: int | None
    is_extended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureFacts:
    """The bot's signed position and working orders in units, its pace, and what stands against its next order.

    `repeats` counts equal orders accepted within the last minute; `is_throttled` stays until a person re-enables.
    """

    position: Decimal
    working_buy: Decimal
    working_sell: Decimal
    orders_this_minute: int
    orders_this_second: int
    repeats: int
    is_throttled: bool
    is_duplicate: bool
    crosses_own: bool
    trading_state: int
    mode_agrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeFacts:
    """Units of the order's instrument in a scope: what all bots hold, signed, and what works to leave on its side."""

    held: Decimal
    leaving: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeFacts:
    """Limits and sums of one scope, in base currency: `buying` and `selling` are the working orders.

    `daily_loss` and `drawdown` are positive when money was lost, and None when they were not marked recently.
    `hedge` is stated of the account and its bucket where another bot holds the opposite of what an exit closes.
    """

    name: str
    limits: Mapping[str, Decimal]
    gross: Decimal
    net: Decimal
    buying: Decimal
    selling: Decimal
    open_orders: int
    daily_loss: Decimal | None
    drawdown: Decimal | None
    hedge: HedgeFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFacts:
    """Prices and rates; None where there is no answer.

    `reference_price` comes from the bot's own feed, `venue_price` from the venue and is what collars measure
    against. `base_rate` leads to the firm's base currency, `account_rate` to the account's, in which capital is
    counted. `is_decision_fresh` is False for a decision taken on bars that are long past, as in a catch-up.
    """

    reference_price: Decimal | None
    is_fresh: bool
    base_rate: Decimal | None
    account_rate: Decimal | None = None
    is_decision_fresh: bool = False
    venue_price: Decimal | None = None
    is_venue_price_fresh: bool = False


def written(figure: Decimal) -> str:
    """A figure for the context of a denial: normalised, and short even when it is no sensible number."""
    if abs(figure.adjusted()) < TEXT_LENGTH_MAX:
        text = text_of(figure)
        if len(text) <= TEXT_LENGTH_MAX:
            return text
    return f"{figure:.6E}"


def exceeded(code: str, kind: str, bound: Decimal, **context: Decimal | int | str) -> Denial:
    """The denial of a figure that does not fit; of the limit itself, when it is missing (NaN) or bounds nothing."""
    if not bound.is_finite():
        return Denial("LIMIT_MISSING", {"limit": kind})
    figures = {name: written(value) if isinstance(value, Decimal) else value for name, value in context.items()}
    return Denial(code, figures | {"limit": written(bound)})
