"""The values of the simulated venue: what trading costs, an order, a fill, the outcome of a match."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from quarterdeck.calendars import ALWAYS_OPEN, CALENDARS, day_end
from quarterdeck.decimals import ONE, TEN_THOUSAND, ZERO, parse_decimal, plain
from quarterdeck.events import OrderType, Side, TimeInForce

_DECIMAL_FIELDS = ("half_spread_bps", "slippage_bps", "maker_fee_bps", "taker_fee_bps")


@dataclass(frozen=True, slots=True)
class SimConfig:
    """What trading costs here: basis points of price, milliseconds, shares of a bar's volume.

    queue_share is the mean volume ahead of an order that joins the queue at its price, as a share of that
    bar's volume; 0 is no queue. calendar says when a DAY order's trading day ends.
    """

    half_spread_bps: Decimal = ZERO
    slippage_bps: Decimal = ZERO
    latency_ms: int = 0
    maker_fee_bps: Decimal = ZERO
    taker_fee_bps: Decimal = ZERO
    participation_cap: Decimal | None = None
    allow_short: bool = False
    queue_share: Decimal = ZERO
    calendar: str = ALWAYS_OPEN

    def __post_init__(self) -> None:
        costs = [getattr(self, name) for name in _DECIMAL_FIELDS]
        if any(not cost.is_finite() or cost < 0 or cost >= TEN_THOUSAND for cost in costs):
            raise ValueError("costs are basis points from 0 to below 10000")
        if self.latency_ms < 0:
            raise ValueError("latency_ms is not negative")
        if self.participation_cap is not None and not ZERO < self.participation_cap <= ONE:
            raise ValueError("participation_cap is above 0 and at most 1")
        if not ZERO <= self.queue_share <= ONE:
            raise ValueError("queue_share is from 0 to 1")
        if self.calendar not in CALENDARS:
            raise ValueError(f"calendar is one of {', '.join(CALENDARS)}")

    def to_json(self) -> dict[str, object]:
        """The configuration as a JSON object, decimals as normalised strings; what came later only when set."""
        cap = self.participation_cap
        fields: dict[str, object] = {name: plain(getattr(self, name)) for name in _DECIMAL_FIELDS} | {
            "latency_ms": self.latency_ms,
            "participation_cap": None if cap is None else plain(cap),
            "allow_short": self.allow_short,
        }
        if self.queue_share:
            fields["queue_share"] = plain(self.queue_share)
        if self.calendar != ALWAYS_OPEN:
            fields["calendar"] = self.calendar
        return fields

    @classmethod
    def from_json(cls, data: dict[str, object]) -> "SimConfig":
        """The configuration a JSON object spells; ValueError or TypeError when it does not."""
        values = dict(data)
        for name in (*_DECIMAL_FIELDS, "participation_cap", "queue_share"):
            if values.get(name) is not None:
                values[name] = parse_decimal(values[name])
        return cls(**values)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class SimOrder:
    """An order as the venue took it at accepted_ms; it may trade on bars that start at or after that."""

    order_id: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    accepted_ms: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reduce_only: bool = False
    expires_ms: int | None = None
    post_only: bool = False
    extended_hours: bool = False

    def ends_ms(self, calendar: str = ALWAYS_OPEN) -> int | None:
        """When the order expires: as given, else the end of the trading day for a DAY order."""
        if self.expires_ms is None and self.time_in_force == TimeInForce.DAY:
            return day_end(calendar, self.accepted_ms)
        return self.expires_ms

    def is_immediate(self) -> bool:
        """Whether it never rests."""
        return self.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)


class SimState(StrEnum):
    """Where an order stands after a bar."""

    WORKING = "WORKING"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class SimFill:
    """One execution; the fee is in the instrument's currency, market_ms the end of the bar."""

    order_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    liquidity: str
    market_ms: int


@dataclass(frozen=True, slots=True)
class MatchResult:
    """What a bar did to an order; triggered and queue_ahead must be passed back with the next bar."""

    fills: tuple[SimFill, ...]
    state: SimState
    code: str
    triggered: bool
    queue_ahead: Decimal | None = None
