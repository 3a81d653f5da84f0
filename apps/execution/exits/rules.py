"""What a plan does next with its legs: pure, exact, and cautious about what is not known (design §6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil
from uuid import UUID

from quarterdeck.decimals import EXACT

from apps.risk import rules as risk

BPS = Decimal(10_000)
ZERO = Decimal(0)
FAILURES_MAX = 3
# A slice that ended so says nothing against the next one: the state of things has changed or will.
PASSING = frozenset(
    {
        "BUYING_POWER_UNKNOWN", "EPOCH_FENCED", "EXIT_EXCEEDS_POSITION", "EXIT_UNCONFIRMED", "HOLD_HALTED",
        "HOLD_REDUCING", "INSTRUMENT_HALTED", "MESSAGES_ABOVE_LIMIT", "PERMIT_LATE", "PRICE_MISSING", "PRICE_STALE",
        "RATE_ABOVE_LIMIT", "REDUCE_ONLY_NO_POSITION", "REFERENCE_STALE", "SESSION_CLOSED", "VENUE_BUSY", "VENUE_DOWN",
        "VENUE_KNOWS_NOTHING",
    }
)  # fmt: skip
FAILING = frozenset({"DENIED", "REJECTED", "NOT_SENT"})


class Act(StrEnum):
    """What a leg needs now."""

    CLEAR = "clear"
    WAIT = "wait"
    WORK = "work"
    SLICE = "slice"
    SWEEP = "sweep"
    BLOCK = "block"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order of ours that may still trade; `left` in units. `is_ours`: a slice of this very leg."""

    id: UUID
    side: str
    purpose: str
    left: Decimal
    is_ours: bool = False
    is_unknown: bool = False
    is_cancelling: bool = False
    is_overdue: bool = False


@dataclass(frozen=True, slots=True)
class LegFacts:
    """A leg at one moment. The orders were read before `held`, the venue's signed position (None: no answer).

    `volume` is what the market is expected to trade in one step, `price` the reference; None: not known.
    `hold` names a hold that the plan's authority does not pass.
    """

    orders: tuple[WorkingOrder, ...]
    held: Decimal | None
    lot_size: Decimal
    is_open: bool = True
    is_halted: bool = False
    price: Decimal | None = None
    volume: Decimal | None = None
    hold: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why in words when it is nothing."""

    act: Act
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How far a leg is: units left, units it began with, and the most that its next slice may take."""

    left: Decimal
    target: Decimal
    cap: Decimal
    lot_size: Decimal


def exit_side(held: Decimal) -> str:
    """The side that reduces a signed position."""
    return "SELL" if held > 0 else "BUY"


def in_the_way(facts: LegFacts, *, keep_protective: bool) -> list[WorkingOrder]:
    """The orders that must be gone before a slice goes out, or before a flat leg counts as flat.

    Everything but a protective order that is to stay and the leg's own slices on the right side: what opens
    would undo the exit, and another's exit would close the same units.
    """
    return [order for order in facts.orders if _is_in_the_way(order, facts.held, keep_protective)]


def _is_in_the_way(order: WorkingOrder, held: Decimal | None, keep_protective: bool) -> bool:
    if order.purpose == "PROTECTIVE":
        return not keep_protective
    if not order.is_ours:
        return True
    return order.is_overdue or (held is not None and (held == 0 or order.side != exit_side(held)))


def to_sweep(facts: LegFacts) -> list[WorkingOrder]:
    """The protective orders of a flat leg: what guarded a position would now open one."""
    return [order for order in facts.orders if order.purpose == "PROTECTIVE"]


def decide(facts: LegFacts, *, keep_protective: bool, guarded: frozenset[UUID] = frozenset()) -> Decision:
    """What the leg needs now. `guarded` are protective orders that a hold does not let go.

    An exit of unknown fate on the right side is not waited for: it counts at its worst case instead.
    """
    waits = [order for order in in_the_way(facts, keep_protective=keep_protective) if order.id not in guarded]
    if any(not _is_doubtful_exit(order, facts.held) for order in waits):
        return Decision(Act.CLEAR, "waits until the venue confirms that other orders are cancelled")
    if facts.held is None:
        return Decision(Act.WAIT, "the venue does not say what it holds")
    if facts.held == 0:
        return Decision(Act.SWEEP, "flat; cancels what guarded it") if to_sweep(facts) else Decision(Act.DONE, "flat")
    return _exit(facts, facts.held)


def _is_doubtful_exit(order: WorkingOrder, held: Decimal | None) -> bool:
    return order.is_unknown and order.purpose == "EXIT" and bool(held) and order.side == exit_side(held or ZERO)


def _exit(facts: LegFacts, held: Decimal) -> Decision:
    if facts.failures >= FAILURES_MAX:
        return Decision(Act.BLOCK, f"{FAILURES_MAX} slices were denied or rejected")
    if abs(held) < facts.lot_size:
        return Decision(Act.BLOCK, "what is left is smaller than a lot and cannot be traded")
    if any(order.is_ours and not order.is_unknown for order in facts.orders):
        return Decision(Act.WORK, "")
    reason = _obstacle(facts)
    if not reason and closable(facts) == 0:
        reason = "orders of unknown fate may have closed the position already"
    return Decision(Act.WAIT, reason) if reason else Decision(Act.SLICE)


def _obstacle(facts: LegFacts) -> str:
    """Why nothing can be sent now, or nothing."""
    if facts.hold:
        return f"a hold stands: {facts.hold}"
    if not facts.is_open:
        return "the session is closed"
    if facts.is_halted:
        return "the instrument is halted"
    if facts.price is None:
        return "no fresh price: neither the venue's nor the feed's"
    return "" if facts.volume else "nothing was traded lately"


def closable(facts: LegFacts) -> Decimal:
    """Units that a slice may still close, every working exit at its worst case; whole lots."""
    if not facts.held:
        return ZERO
    units = risk.closable(exit_side(facts.held), facts.held, *working_exits(facts))
    return _lots(units, facts.lot_size, ROUND_FLOOR)


def working_exits(facts: LegFacts) -> tuple[Decimal, Decimal]:
    """Units (buys, sells) that exits may still close, those of unknown fate at their worst."""
    exits = [order for order in facts.orders if order.purpose == "EXIT"]
    buys = sum((order.left for order in exits if order.side == "BUY"), ZERO)
    sells = sum((order.left for order in exits if order.side == "SELL"), ZERO)
    return buys, sells


def cap(facts: LegFacts, participation: Decimal) -> Decimal:
    """The most that the next slice may take: a share of the expected volume, at least one lot, whole lots."""
    share = _lots(EXACT.multiply(facts.volume or ZERO, participation), facts.lot_size, ROUND_FLOOR)
    return min(closable(facts), max(share, facts.lot_size))


def _lots(quantity: Decimal, lot_size: Decimal, rounding: str) -> Decimal:
    whole = EXACT.divide(quantity, lot_size).to_integral_value(rounding)
    return EXACT.multiply(whole, lot_size)


def in_step(legs: Sequence[Pace]) -> list[Decimal]:
    """The sizes of the next slices of one hedge group: its legs go down together, level by level.

    A leg that is ahead by a lot or more waits until the others have followed, whatever kept them; one that
    stands (cap 0) keeps the others at its level. So none is ever ahead by more than one slice.
    """
    begun = [leg for leg in legs if leg.target > 0]
    if not begun:
        return [ZERO for _ in legs]
    last = max(Fraction(leg.left) / Fraction(leg.target) for leg in begun)
    paced = [replace(leg, cap=ZERO) if _is_ahead(leg, last) else leg for leg in legs]
    level = max((Fraction(leg.left) - Fraction(leg.cap)) / Fraction(leg.target) for leg in paced if leg.target > 0)
    return [_down_to(level, leg) for leg in paced]


def _is_ahead(leg: Pace, last: Fraction) -> bool:
    return last * Fraction(leg.target) - Fraction(leg.left) >= Fraction(leg.lot_size)


def _down_to(level: Fraction, leg: Pace) -> Decimal:
    """The units that bring a leg down to a level, in whole lots and at most its cap."""
    above = Fraction(leg.left) - level * Fraction(leg.target)
    if above <= 0:
        return ZERO
    lots = ceil(above / Fraction(leg.lot_size))
    return min(EXACT.multiply(Decimal(lots), leg.lot_size), leg.cap)


def slices(left: Decimal, cap: Decimal) -> int | None:
    """How many slices of at most `cap` a position takes; None when none can be sent."""
    return None if cap <= 0 else int(EXACT.divide(abs(left), cap).to_integral_value(ROUND_CEILING))


def limit_price(
    side: str,
    reference: Decimal,
    collar_bps: Decimal,
    tick_size: Decimal,
    *,
    limit_up: Decimal | None = None,
    limit_down: Decimal | None = None,
) -> Decimal:
    """The worst price that an exit accepts, inside the collar and the market's price band; whole ticks."""
    away = EXACT.divide(EXACT.multiply(reference, collar_bps), BPS)
    if side == "BUY":
        worst = EXACT.add(reference, away)
        worst = min(worst, limit_up) if limit_up is not None else worst
        return max(_lots(worst, tick_size, ROUND_FLOOR), tick_size)
    worst = EXACT.subtract(reference, away)
    worst = max(worst, limit_down) if limit_down is not None else worst
    return max(_lots(worst, tick_size, ROUND_CEILING), tick_size)


def failures(ended: Iterable[tuple[str, Sequence[str], Decimal]]) -> int:
    """How many slices failed since the last one that traded; newest first: state, codes, units filled."""
    count = 0
    for state, codes, filled in ended:
        if filled > 0:
            break
        count += state in FAILING and not set(codes) <= PASSING
    return count
