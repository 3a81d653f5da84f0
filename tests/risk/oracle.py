"""The pre-trade check once more, from the text of the design: whole fractions, one table, no shared arithmetic.

`python -m tests.risk.oracle --orders 100000 --seed 1` compares both on generated orders.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from apps.risk import rules
from apps.risk.rules import ScopeFacts
from tests.risk.generated import Case, Generator
from tests.risk.reading import Reading, above_zero, exactly

SEED = 20_261_123


def position_above(r: Reading) -> bool:
    bound = r.limit_of("position")
    return bound is not None and (r.worst is None or not -bound <= r.worst <= bound)


def crosses_zero(r: Reading) -> bool:
    if not (r.is_exit or r.is_guard or r.order.is_reduce_only):
        return False
    position = exactly(r.exposure.position)
    if position is None or r.worst is None or position * r.sign >= 0:
        return True
    return r.worst * position < 0


def too_many(r: Reading, kind: str, sent: int) -> bool:
    if r.is_exit and r.order.by_person:
        return False
    return r.limit_of(kind) is not None and (sent < 0 or r.over(kind, sent + 1, times=2 if r.is_exit else 1))


def is_stale(r: Reading) -> bool:
    """A person may leave at a limit price whatever the feed says; all else needs a fresh feed."""
    leaves_by_limit = r.is_exit and r.order.by_person and r.limit is not None
    return not leaves_by_limit and (r.feed is None or not r.market.is_fresh)


def outside_collar(r: Reading) -> bool:
    bound = r.limit_of("collar_bps")
    if bound is None or r.reference is None:
        return False
    if r.limit is not None:
        anchor = r.reference
        if r.order.order_type == "STOP_LIMIT":  # it trades where its stop triggers, if that is still ahead
            stop = Fraction(r.order.stop_price)
            anchor = anchor if r.sign * (stop - anchor) <= 0 else stop
        away = r.sign * (r.limit / anchor - 1)
    elif r.feed is not None and r.market.is_fresh:
        away = abs(r.feed / r.reference - 1)
    else:
        return False
    return max(away, Fraction(0)) > bound / 10_000


def outside_band(r: Reading) -> bool:
    up, down = r.instrument.limit_up, r.instrument.limit_down
    top, bottom = above_zero(up), above_zero(down)
    if (up is not None and top is None) or (down is not None and bottom is None):
        return True
    return any((top is not None and p > top) or (bottom is not None and p < bottom) for p in r.prices)


def limit_missing(r: Reading) -> bool:
    """What opens needs every limit, what guards those that bind it; what leaves only sound ones, if any."""
    limits, scopes = r.case.limits, r.case.scopes
    if r.is_exit:
        heeded = ["collar_bps"] + ([] if r.order.by_person else ["orders_per_minute", "messages_per_second"])
        return any(kind in limits and r.limit_of(kind) is None for kind in heeded)
    bots = ["order_quantity", "order_notional", "collar_bps", "orders_per_minute", "messages_per_second"]
    shared = ["open_orders"]
    if not r.is_guard:
        bots += ["position", "repeat_executions", "capital"]
        shared += ["gross_exposure", "net_exposure", "daily_loss", "drawdown"]
    for kind in shared:
        stated = [scope.limits[kind] for scope in scopes if kind in scope.limits]
        if not stated or any(exactly(bound) is None for bound in stated):
            return True
    return any(r.limit_of(kind) is None for kind in bots)


def any_scope(kind: str, broken: Callable[[Reading, ScopeFacts, Fraction], bool]) -> Callable[[Reading], bool]:
    """A rule that is broken when one scope that has a bound of this kind breaks it."""

    def rule(r: Reading) -> bool:
        bounds = [(scope, exactly(scope.limits.get(kind))) for scope in r.case.scopes]
        return any(bound is not None and broken(r, scope, bound) for scope, bound in bounds)

    return rule


def gross_above(r: Reading, scope: ScopeFacts, bound: Fraction) -> bool:
    value = r.worth(r.quantity, r.market.base_rate)
    parts = [exactly(part) for part in (scope.gross, scope.buying, scope.selling)]
    known = [part for part in parts if part is not None and part >= 0]
    return len(known) < len(parts) or sum(known) + value > bound


def net_above(r: Reading, scope: ScopeFacts, bound: Fraction) -> bool:
    value, net = r.worth(r.quantity, r.market.base_rate), exactly(scope.net)
    working = exactly(scope.buying if r.sign > 0 else scope.selling)
    if net is None or working is None or working < 0 or bound < 0:
        return True
    return r.sign * net + working + value > bound


def too_many_open(r: Reading, scope: ScopeFacts, bound: Fraction) -> bool:
    return scope.open_orders < 0 or scope.open_orders > bound - 1


def loses(kind: str) -> Callable[[Reading], bool]:
    """A loss that is known and has come to its bound."""

    def reached(r: Reading, scope: ScopeFacts, bound: Fraction) -> bool:
        loss = exactly(getattr(scope, kind))
        return loss is not None and max(loss, Fraction(0)) >= bound

    return any_scope(kind, reached)


def unmarked(r: Reading) -> bool:
    kinds = ("daily_loss", "drawdown")
    return any(kind in s.limits and exactly(getattr(s, kind)) is None for s in r.case.scopes for kind in kinds)


def venue_cannot(r: Reading) -> bool:
    must_trade_at_once = r.order.order_type != "LIMIT" or r.order.time_in_force in ("IOC", "FOK")
    return (
        r.order.order_type not in r.venue.order_types
        or r.order.time_in_force not in r.venue.times_in_force
        or (r.order.is_reduce_only and not r.venue.has_reduce_only)
        or (r.order.is_post_only and (must_trade_at_once or not r.venue.has_post_only))
        or (r.order.is_extended_hours and not r.venue.has_extended_hours)
    )


def asks_for_more(refuses: Callable[[Reading], bool]) -> Callable[[Reading], bool]:
    """What may refuse only orders that ask for extended hours."""
    return lambda r: r.order.is_extended_hours and refuses(r)


def is_closed(r: Reading) -> bool:
    session = r.case.session
    return not any((session.is_open, r.order.is_extended_hours and session.is_extended))


def capital_exceeded(r: Reading) -> bool:
    if r.limit_of("capital") is None:
        return False
    return r.worst is None or r.over("capital", r.worth(abs(r.worst), r.market.account_rate))


def unaffordable(r: Reading) -> bool:
    cost, power = r.worth(r.quantity, r.market.account_rate), exactly(r.venue.buying_power)
    return r.sign > 0 and power is not None and cost > power


def ends_the_day(r: Reading) -> bool:
    left, flat = r.case.session.closes_in_s, r.case.session.flat_before_close_s
    return left is not None and flat is not None and left - flat <= 0


def in_maintenance(r: Reading) -> bool:
    window = r.venue.maintenance
    return window is not None and not window.starts_in_s > 0


def flat_by_maintenance(r: Reading) -> bool:
    window, flat = r.venue.maintenance, r.case.session.flat_before_close_s
    return window is not None and flat is not None and 0 < window.starts_in_s <= flat


def repeated(r: Reading) -> bool:
    allowed = r.limit_of("repeat_executions")
    return r.exposure.is_throttled or (allowed is not None and not 0 <= r.exposure.repeats <= allowed - 1)


def beyond_parent(r: Reading) -> bool:
    left = r.order.parent_left
    known = exactly(left)
    return left is not None and (known is None or known < r.quantity)


def shorts(r: Reading) -> bool:
    return r.sign < 0 and not r.case.entitlements.shorting and (r.worst is None or r.worst < 0)


def held(state_is: Callable[[int], bool]) -> Callable[[Reading], bool]:
    """A hold lets exits of persons pass, and while only reducing, those of bots too."""

    def rule(r: Reading) -> bool:
        state = r.exposure.trading_state
        passes = r.is_exit and (r.order.by_person or state == 1)
        return state != 0 and state_is(state) and not passes

    return rule


def grows_net(r: Reading) -> bool:
    """A bot's exit that, with all that leaves on its side, takes a hedged scope further from flat than it is."""
    if not r.is_exit or r.order.by_person:
        return False
    hedges = [(exactly(s.hedge.held), exactly(s.hedge.leaving)) for s in r.case.scopes if s.hedge is not None]
    known = [(held, leaving) for held, leaving in hedges if held is not None and leaving is not None]
    return any(abs(held + r.sign * (leaving + r.quantity)) > abs(held) for held, leaving in known)


# code, the purposes that it can refuse (any, adding, opening), what refuses
RULES: list[tuple[str, str, Callable[[Reading], bool]]] = [
    ("MODE_MISMATCH", "any", lambda r: not r.exposure.mode_agrees),
    ("INSTRUMENT_NOT_ENTITLED", "any", lambda r: not r.instrument.is_entitled),
    ("INSTRUMENT_EXPIRED", "any", lambda r: r.instrument.is_expired),
    ("HOLD_REDUCING", "any", held(lambda state: state == 1)),
    ("HOLD_HALTED", "any", held(lambda state: state != 1)),
    ("VENUE_CANNOT", "any", venue_cannot),
    (
        "EXTENDED_HOURS_NEED_LIMIT_DAY",
        "any",
        asks_for_more(lambda r: (r.order.order_type, r.order.time_in_force) != ("LIMIT", "DAY")),
    ),
    ("RATE_ABOVE_LIMIT", "any", lambda r: too_many(r, "orders_per_minute", r.exposure.orders_this_minute)),
    ("MESSAGES_ABOVE_LIMIT", "any", lambda r: too_many(r, "messages_per_second", r.exposure.orders_this_second)),
    ("PRICE_MISSING", "any", lambda r: is_stale(r) and r.feed is None),
    ("PRICE_STALE", "any", lambda r: is_stale(r) and r.feed is not None),
    ("PRICE_OUTSIDE_COLLAR", "any", outside_collar),
    ("EXIT_EXCEEDS_POSITION", "any", crosses_zero),
    ("LIMIT_MISSING", "any", limit_missing),
    ("EXIT_GROWS_NET", "any", grows_net),
    ("REFERENCE_STALE", "adding", lambda r: r.reference is None),
    ("DECISION_STALE", "adding", lambda r: not r.market.is_decision_fresh),
    ("PRICE_OUTSIDE_BAND", "adding", outside_band),
    ("VENUE_DOWN", "adding", lambda r: not r.venue.is_up),
    ("EXTENDED_HOURS_NOT_ENTITLED", "adding", asks_for_more(lambda r: not r.case.entitlements.extended_hours)),
    ("EXTENDED_HOURS_UNKNOWN", "adding", asks_for_more(lambda r: not r.instrument.has_extended_hours)),
    ("SIDE_NOT_ENTITLED", "adding", lambda r: r.order.side not in r.case.entitlements.sides),
    ("ORDER_TYPE_NOT_ENTITLED", "adding", lambda r: r.order.order_type not in r.case.entitlements.order_types),
    ("TIME_IN_FORCE_NOT_ENTITLED", "adding", lambda r: r.order.time_in_force not in r.case.entitlements.times_in_force),
    ("QUANTITY_ABOVE_LIMIT", "adding", lambda r: r.over("order_quantity", r.quantity)),
    ("PARENT_QUANTITY_EXCEEDED", "adding", beyond_parent),
    ("PARENT_QUANTITY_CHANGED", "adding", lambda r: r.order.parent_left is not None and not r.order.parent_agrees),
    ("NOTIONAL_ABOVE_LIMIT", "adding", lambda r: r.over("order_notional", r.worth(r.quantity, r.market.base_rate))),
    ("FX_RATE_STALE", "adding", lambda r: above_zero(r.market.base_rate) is None),
    ("OPEN_ORDERS_ABOVE_LIMIT", "adding", any_scope("open_orders", too_many_open)),
    ("FX_RATE_STALE", "opening", lambda r: above_zero(r.market.account_rate) is None),
    ("SESSION_CLOSED", "opening", is_closed),
    ("INSTRUMENT_HALTED", "opening", lambda r: r.case.session.is_halted),
    ("FLAT_BEFORE_CLOSE", "opening", ends_the_day),
    ("VENUE_IN_MAINTENANCE", "opening", in_maintenance),
    ("FLAT_BEFORE_MAINTENANCE", "opening", flat_by_maintenance),
    ("EXECUTION_THROTTLED", "opening", repeated),
    ("DUPLICATE_ORDER", "opening", lambda r: r.exposure.is_duplicate),
    ("SELF_TRADE", "adding", lambda r: r.exposure.crosses_own),
    ("SHORTING_NOT_ENTITLED", "opening", shorts),
    ("POSITION_ABOVE_LIMIT", "opening", position_above),
    ("CAPITAL_EXCEEDED", "opening", capital_exceeded),
    ("BUYING_POWER_UNKNOWN", "opening", lambda r: r.sign > 0 and exactly(r.venue.buying_power) is None),
    ("BUYING_POWER_EXCEEDED", "opening", unaffordable),
    ("GROSS_ABOVE_LIMIT", "opening", any_scope("gross_exposure", gross_above)),
    ("NET_ABOVE_LIMIT", "opening", any_scope("net_exposure", net_above)),
    ("PNL_STALE", "opening", unmarked),
    ("DAILY_LOSS_REACHED", "opening", loses("daily_loss")),
    ("DRAWDOWN_REACHED", "opening", loses("drawdown")),
]


def malformed(case: Case) -> set[str]:
    """Why this is no order at all; such an order is refused for that alone."""
    order, instrument = case.order, case.instrument
    if instrument is None or None in [
        above_zero(step) for step in (instrument.lot_size, instrument.tick_size, instrument.multiplier)
    ]:
        return {"INSTRUMENT_UNKNOWN"}
    quantity = above_zero(order.quantity)
    if quantity is None:
        return {"QUANTITY_NOT_POSITIVE"}
    found = set() if (quantity / Fraction(instrument.lot_size)).denominator == 1 else {"QUANTITY_STEP"}
    found |= set() if order.side in ("BUY", "SELL") else {"SIDE_NOT_ENTITLED"}
    for word, price in (("LIMIT", order.limit_price), ("STOP", order.stop_price)):
        if price is None:
            found |= {"PRICE_MISSING"} if order.order_type in (word, "STOP_LIMIT") else set()
        elif (number := above_zero(price)) is None:
            found |= {"PRICE_NOT_POSITIVE"}
        elif (number / Fraction(instrument.tick_size)).denominator != 1:
            found |= {"PRICE_STEP"}
    return found


def expected(case: Case) -> set[str]:
    """The codes that the design asks for."""
    if found := malformed(case):
        return found
    reading = Reading(case)
    asked = {"any"} if reading.is_exit else {"any", "adding"} if reading.is_guard else {"any", "adding", "opening"}
    return {code for code, purposes, refuses in RULES if purposes in asked and refuses(reading)}


@dataclass(slots=True)
class Outcome:
    """What a comparison came to."""

    orders: int = 0
    accepted: int = 0
    opened_on_stale_prices: int = 0
    stale: int = 0
    opened_on_absurd_figures: int = 0
    absurd: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)


def is_absurd(case: Case) -> bool:
    """Whether a limit of the bot is missing, or something it is told is no number or below zero."""
    if case.instrument is None or not {*rules.PER_BOT, "capital"} <= case.limits.keys():
        return True
    told = [case.order.quantity, case.order.limit_price, case.order.stop_price, case.order.parent_left]
    told += [getattr(case.instrument, name) for name in ("lot_size", "tick_size", "multiplier")]
    told += [case.market.reference_price, case.market.venue_price, case.market.base_rate, case.market.account_rate]
    told += [case.exposure.working_buy, case.exposure.working_sell, *case.limits.values()]
    told += [bound for scope in case.scopes for bound in scope.limits.values()]
    return any(figure is not None and (not figure.is_finite() or figure < 0) for figure in told)


def compare(orders: int, seed: int) -> Outcome:
    """Ask both about generated orders."""
    outcome = Outcome()
    for number in range(orders):
        case = Generator(seed, number).case()
        said, meant = case.codes(), expected(case)
        outcome.orders += 1
        outcome.accepted += not said
        outcome.codes.update(said)
        if case.order.purpose == "OPENING" and not (case.market.is_fresh and case.market.is_venue_price_fresh):
            outcome.stale += 1
            outcome.opened_on_stale_prices += not said
        if case.order.purpose == "OPENING" and is_absurd(case):
            outcome.absurd += 1
            outcome.opened_on_absurd_figures += not said
        if said != meant:
            outcome.disagreements.append(f"{seed}/{number}: check {sorted(said)}, oracle {sorted(meant)}")
    return outcome


def main() -> int:
    """Compare, and print what was compared."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    outcome = compare(options.orders, options.seed)
    print(*outcome.disagreements[:20], sep="\n")
    print(f"orders {outcome.orders}, seed {options.seed}: {len(outcome.disagreements)} disagreements")
    print(f"accepted {outcome.accepted}; opened on stale prices {outcome.opened_on_stale_prices} of {outcome.stale}")
    print(f"opened on absurd figures {outcome.opened_on_absurd_figures} of {outcome.absurd}; codes {outcome.codes}")
    return int(bool(outcome.disagreements or outcome.opened_on_stale_prices or outcome.opened_on_absurd_figures))


if __name__ == "__main__":
    sys.exit(main())
