"""Whether this bot may send this kind of order here and now: mode, holds, entitlements, venue, session, conduct."""

from decimal import Decimal

from apps.risk.rules.facts import (
    ACTIVE,
    INFINITY,
    REDUCING,
    ZERO,
    Denial,
    Entitlements,
    ExposureFacts,
    InstrumentFacts,
    OrderFacts,
    SessionFacts,
    VenueFacts,
    written,
)

IMMEDIATE = frozenset({"IOC", "FOK"})


def passes_holds(purpose: str, by_person: bool, trading_state: int) -> bool:
    """Whether a new order may go out in a trading state (design §6).

    REDUCING: bots may send exits. HALTED: no bot sends anything; exits by an authorised person pass.
    """
    if trading_state == ACTIVE:
        return True
    return purpose == "EXIT" and (by_person or trading_state == REDUCING)


def judge_always(
    order: OrderFacts, instrument: InstrumentFacts, exposure: ExposureFacts, venue: VenueFacts, found: list[Denial]
) -> None:
    """What no purpose excuses."""
    state = exposure.trading_state
    if not exposure.mode_agrees:
        found.append(Denial("MODE_MISMATCH", {}))
    if not instrument.is_entitled:
        found.append(Denial("INSTRUMENT_NOT_ENTITLED", {}))
    if instrument.is_expired:
        found.append(Denial("INSTRUMENT_EXPIRED", {}))
    if state != ACTIVE and not passes_holds(order.purpose, order.by_person, state):
        found.append(Denial("HOLD_REDUCING" if state == REDUCING else "HOLD_HALTED", {}))
    if order.order_type not in venue.order_types:
        found.append(Denial("VENUE_CANNOT", {"order_type": order.order_type}))
    if order.time_in_force not in venue.times_in_force:
        found.append(Denial("VENUE_CANNOT", {"time_in_force": order.time_in_force}))
    if order.is_reduce_only and not venue.has_reduce_only:
        found.append(Denial("VENUE_CANNOT", {"is_reduce_only": True}))
    if order.is_post_only and not (venue.has_post_only and _can_rest(order)):
        found.append(Denial("VENUE_CANNOT", {"is_post_only": True}))
    if order.is_extended_hours and not venue.has_extended_hours:
        found.append(Denial("VENUE_CANNOT", {"is_extended_hours": True}))
    if order.is_extended_hours and not is_limit_for_the_day(order.order_type, order.time_in_force):
        found.append(Denial("EXTENDED_HOURS_NEED_LIMIT_DAY", {}))


def is_limit_for_the_day(order_type: str, time_in_force: str) -> bool:
    """What brokers take for extended hours, where few trade: a price of its own, and an end on the same day."""
    return order_type == "LIMIT" and time_in_force == "DAY"


def _can_rest(order: OrderFacts) -> bool:
    """A post-only order waits at its own price; one that must trade at once contradicts itself."""
    return order.order_type == "LIMIT" and order.time_in_force not in IMMEDIATE


def judge_entitlements(order: OrderFacts, entitlements: Entitlements, venue: VenueFacts, found: list[Denial]) -> None:
    """What a bot may ask for, and whether the venue is there to take it; exits are excused."""
    if order.side not in entitlements.sides:
        found.append(Denial("SIDE_NOT_ENTITLED", {"side": order.side}))
    if order.order_type not in entitlements.order_types:
        found.append(Denial("ORDER_TYPE_NOT_ENTITLED", {"order_type": order.order_type}))
    if order.time_in_force not in entitlements.times_in_force:
        found.append(Denial("TIME_IN_FORCE_NOT_ENTITLED", {"time_in_force": order.time_in_force}))
    if not venue.is_up:
        found.append(Denial("VENUE_DOWN", {}))


def judge_extended(
    order: OrderFacts, instrument: InstrumentFacts, entitlements: Entitlements, found: list[Denial]
) -> None:
    """What trades outside the regular session has to be allowed to, in an instrument that does; exits are excused."""
    if not order.is_extended_hours:
        return
    if not entitlements.extended_hours:
        found.append(Denial("EXTENDED_HOURS_NOT_ENTITLED", {}))
    if not instrument.has_extended_hours:
        found.append(Denial("EXTENDED_HOURS_UNKNOWN", {}))


def judge_session(order: OrderFacts, session: SessionFacts, found: list[Denial]) -> None:
    """Nothing opens in a closed or halted market, nor when the bot has to be flat before its close.

    An order that asks for extended hours opens in those too, but for a bot that has to be flat by the regular close: it
    has gone home then, and opens nothing after it.
    """
    if not (session.is_open or (order.is_extended_hours and session.is_extended)):
        found.append(Denial("SESSION_CLOSED", {}))
    if session.is_halted:
        found.append(Denial("INSTRUMENT_HALTED", {}))
    left_s, flat_s = session.closes_in_s, session.flat_before_close_s
    if left_s is not None and flat_s is not None and left_s <= flat_s:
        found.append(Denial("FLAT_BEFORE_CLOSE", {"closes_in_s": left_s, "flat_before_close_s": flat_s}))


def judge_maintenance(venue: VenueFacts, session: SessionFacts, found: list[Denial]) -> None:
    """Nothing opens while the venue is in announced maintenance; a bot that has to be flat by a close is so by it too.

    Both count on the wall clock, whatever the speed of the bot's feed: the venue itself is away.
    """
    window, flat_s = venue.maintenance, session.flat_before_close_s
    if window is None:
        return
    if window.starts_in_s <= 0:
        found.append(Denial("VENUE_IN_MAINTENANCE", {"until": window.ends_at}))
    elif flat_s is not None and window.starts_in_s <= flat_s:
        figures = {"starts_in_s": window.starts_in_s, "flat_before_s": flat_s, "until": window.ends_at}
        found.append(Denial("FLAT_BEFORE_MAINTENANCE", figures))


def judge_conduct(exposure: ExposureFacts, found: list[Denial]) -> None:
    """What a bot that has run wild does: the same again."""
    if exposure.is_throttled:
        found.append(Denial("EXECUTION_THROTTLED", {}))
    if exposure.is_duplicate:
        found.append(Denial("DUPLICATE_ORDER", {}))


def judge_self_trade(exposure: ExposureFacts, found: list[Denial]) -> None:
    """Nothing that opens or guards trades with another bot of ours; exits are not the ones refused for it."""
    if exposure.crosses_own:
        found.append(Denial("SELF_TRADE", {}))


def judge_shorting(order: OrderFacts, worst: Decimal, entitlements: Entitlements, found: list[Denial]) -> None:
    """A sale that could end below zero borrows what it sells."""
    if order.side != "BUY" and not entitlements.shorting and not ZERO <= worst < INFINITY:
        found.append(Denial("SHORTING_NOT_ENTITLED", {"position": written(worst)}))
