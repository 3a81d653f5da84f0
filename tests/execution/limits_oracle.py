"""The limits of the order path once more, from design §6 and not from the gateway's code.

Plain fractions over lists of its own: what was asked for, what the venue says it has and has traded. It shares no
line with the gateway, so that an agreement of the two means something.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

PER_BOT = (
    "order_quantity",
    "order_notional",
    "position",
    "collar_bps",
    "orders_per_minute",
    "messages_per_second",
    "repeat_executions",
)
MINUTE, SECOND = timedelta(seconds=60), timedelta(seconds=1)
FIRST_WAIT = timedelta(seconds=15)  # what opens is not sent later than this after it was decided


@dataclass
class Wish:
    """An order as somebody asks for it; prices are None where the type has none."""

    bot: str
    side: str
    quantity: int
    order_type: str = "MARKET"
    limit_price: Fraction | None = None
    stop_price: Fraction | None = None
    purpose: str = "OPENING"
    by_person: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes an execution a repetition of another."""
        return (self.bot, self.side, self.order_type, self.quantity)


@dataclass
class Known:
    """An order that was let through: its terms now, and what it keeps back."""

    wish: Wish
    unit: Fraction
    placed_at: datetime
    client_order_id: str
    row_id: Any
    filled: int = 0
    asked_quantity: int | None = None
    asked_limit: Fraction | None = None
    is_at_venue: bool = False
    is_over: bool = False
    was_denied: bool = False

    @property
    def left(self) -> int:
        """Units that may still fill, at the worst of the terms that may hold."""
        return 0 if self.is_over else max(self.wish.quantity, self.asked_quantity or 0) - self.filled

    @property
    def worth(self) -> Fraction:
        """What it keeps back on the books of its scopes."""
        return self.left * self.unit


@dataclass
class Desk:
    """One bot on an account of its own, and where it stands in the tree of scopes."""

    name: str
    scopes: frozenset[str]
    cash: Fraction = Fraction(0)
    capital: Fraction = Fraction(100_000)
    position: int = 0
    bought: Fraction = Fraction(0)
    sold: Fraction = Fraction(0)
    value: Fraction = Fraction(0)
    messages: list[datetime] = field(default_factory=list)
    is_throttled: bool = False

    @property
    def pnl(self) -> Fraction:
        """Profit at the last valuation: what came in, what went out, and what is left."""
        return self.sold - self.bought + self.value


@dataclass
class Oracle:
    """Everything that a decision depends on."""

    desks: dict[str, Desk]
    limits: dict[tuple[str, str], Fraction]
    bundle: dict[str, Fraction]
    price: Fraction = Fraction(0)
    orders: list[Known] = field(default_factory=list)
    holds: dict[Any, tuple[str, str]] = field(default_factory=dict)

    def working(self, bots: Iterable[str], besides: Known | None = None) -> Iterator[Known]:
        """Orders of these bots that may still fill."""
        return (one for one in self.orders if one.wish.bot in bots and not one.is_over and one is not besides)

    def bots_below(self, scope: str) -> list[str]:
        """The bots that a scope's sums add up."""
        return [name for name, desk in self.desks.items() if scope in desk.scopes]

    def sums(self, scope: str, besides: Known | None = None) -> dict[str, Fraction | int]:
        """Gross, net, working values, open orders and profit of a scope."""
        bots = self.bots_below(scope)
        working = list(self.working(bots, besides))
        return {
            "gross": sum((abs(self.desks[bot].value) for bot in bots), Fraction(0)),
            "net": sum((self.desks[bot].value for bot in bots), Fraction(0)),
            "buying": sum((one.worth for one in working if one.wish.side == "BUY"), Fraction(0)),
            "selling": sum((one.worth for one in working if one.wish.side == "SELL"), Fraction(0)),
            "open_orders": len(working),
            "pnl": sum((self.desks[bot].pnl for bot in bots), Fraction(0)),
        }

    def units(self, bot: str, side: str, besides: Known | None = None) -> int:
        """Units of a bot that work on a side."""
        return sum(one.left for one in self.working([bot], besides) if one.wish.side == side)

    def state(self, bot: str) -> str:
        """The strictest of all holds on all scopes above a bot."""
        levels = {level for scope, level in self.holds.values() if scope in self.desks[bot].scopes}
        return "HALTED" if "HALTED" in levels else "REDUCING" if "REDUCING" in levels else "ACTIVE"

    def may_pass_holds(self, wish: Wish) -> bool:
        """REDUCING lets exits through; HALTED only a person's."""
        state = self.state(wish.bot)
        return state == "ACTIVE" or (wish.purpose == "EXIT" and (wish.by_person or state == "REDUCING"))

    def bound(self, bot: str, kind: str) -> Fraction:
        """The strictest value of a kind for a bot: the ledger's on every scope above it, and the bundle's."""
        ledger = [value for (scope, name), value in self.limits.items() if name == kind]
        mine = [self.limits[scope, name] for scope, name in self.limits if name == kind and self._covers(scope, bot)]
        assert ledger, f"nobody has set {kind}"
        return min([*mine, self.bundle[kind]])

    def _covers(self, scope: str, bot: str) -> bool:
        return scope in self.desks[bot].scopes

    def count(self, bot: str, now: datetime) -> None:
        """A message of the bot counts in its minute and its second."""
        self.desks[bot].messages.append(now)

    def unit(self, wish: Wish) -> Fraction:
        """The dearest price that one unit may cost."""
        prices = (self.price, wish.limit_price, wish.stop_price)
        return max(price for price in prices if price is not None)

    def is_less(self, known: Known, quantity: int, price: Fraction) -> bool:
        """Whether new terms only give a part of an opening order up."""
        wish = known.wish
        return wish.purpose == "OPENING" and price == wish.limit_price and quantity < wish.quantity

    def codes(self, wish: Wish, now: datetime, besides: Known | None = None, *, is_less: bool = False) -> set[str]:
        """Every reason to refuse a wish; `besides` is the order whose terms it replaces, perhaps by less of it."""
        if is_less:
            return self._pace(wish, now)
        found = set()
        if not self.may_pass_holds(wish):
            found.add(f"HOLD_{self.state(wish.bot)}")
        if self._is_outside_collar(wish):
            found.add("PRICE_OUTSIDE_COLLAR")
        found |= self._pace(wish, now)
        if wish.purpose == "EXIT":
            working = [o for o in self.working([wish.bot], besides) if o.wish.purpose == "EXIT"]
            found |= self._grown_net(wish) if besides is None else set()
            return found | self._reduction(wish, sum(o.left for o in working if o.wish.side == wish.side))
        found |= self._size(wish, besides)
        if wish.purpose == "PROTECTIVE":
            found |= self._reduction(wish, self.units(wish.bot, wish.side, besides))
            return found | self._self_trade(wish)
        return found | self._position(wish, besides) | self._conduct(wish, now, besides) | self._sums(wish, besides)

    def _is_outside_collar(self, wish: Wish) -> bool:
        if wish.limit_price is None:
            return False  # feed and venue agree here
        anchor = self.price
        beyond = wish.limit_price - anchor if wish.side == "BUY" else anchor - wish.limit_price
        return beyond * 10_000 > self.bound(wish.bot, "collar_bps") * anchor

    def _pace(self, wish: Wish, now: datetime) -> set[str]:
        if wish.purpose == "EXIT" and wish.by_person:
            return set()
        reserve = 2 if wish.purpose == "EXIT" else 1
        sent, found = self.desks[wish.bot].messages, set()
        minute = sum(at.replace(second=0, microsecond=0) == now.replace(second=0, microsecond=0) for at in sent)
        second = sum(at.replace(microsecond=0) == now.replace(microsecond=0) for at in sent)
        if minute + 1 > reserve * self.bound(wish.bot, "orders_per_minute"):
            found.add("RATE_ABOVE_LIMIT")
        if second + 1 > reserve * self.bound(wish.bot, "messages_per_second"):
            found.add("MESSAGES_ABOVE_LIMIT")
        return found

    def _reduction(self, wish: Wish, working: int) -> set[str]:
        position = self.desks[wish.bot].position
        held = position if wish.side == "SELL" else -position
        return {"EXIT_EXCEEDS_POSITION"} if wish.quantity > max(0, held - working) else set()

    def _size(self, wish: Wish, besides: Known | None) -> set[str]:
        found = set()
        if wish.quantity > self.bound(wish.bot, "order_quantity"):
            found.add("QUANTITY_ABOVE_LIMIT")
        if wish.quantity * self.unit(wish) > self.bound(wish.bot, "order_notional"):
            found.add("NOTIONAL_ABOVE_LIMIT")
        for scope in self.desks[wish.bot].scopes:
            if self.sums(scope, besides)["open_orders"] + 1 > self._of_scope(scope, wish.bot, "open_orders"):
                found.add("OPEN_ORDERS_ABOVE_LIMIT")
        return found

    def _of_scope(self, scope: str, bot: str, kind: str) -> Fraction | float:
        """A scope's own limit; the bundle narrows the bot's."""
        bounds = [self.limits[scope, kind]] if (scope, kind) in self.limits else []
        if scope == f"bot {bot}":
            bounds.append(self.bundle[kind])
        return min(bounds, default=float("inf"))

    def _position(self, wish: Wish, besides: Known | None) -> set[str]:
        desk, found = self.desks[wish.bot], set()
        working = self.units(wish.bot, wish.side, besides) + wish.quantity
        worst = abs(desk.position + (working if wish.side == "BUY" else -working))
        if worst > self.bound(wish.bot, "position"):
            found.add("POSITION_ABOVE_LIMIT")
        if worst * self.unit(wish) > desk.capital:
            found.add("CAPITAL_EXCEEDED")
        bids = sum((o.worth for o in self.working([wish.bot], besides) if o.wish.side == "BUY"), Fraction(0))
        if wish.side == "BUY" and wish.quantity * self.unit(wish) > desk.cash - bids:
            found.add("BUYING_POWER_EXCEEDED")
        return found

    def _conduct(self, wish: Wish, now: datetime, besides: Known | None) -> set[str]:
        found, desk = set(), self.desks[wish.bot]
        recent = [o for o in self.orders if o.placed_at >= now - MINUTE and not o.was_denied and o is not besides]
        repeats = sum(o.wish.key == wish.key for o in recent)
        if desk.is_throttled or repeats + 1 > self.bound(wish.bot, "repeat_executions"):
            found.add("EXECUTION_THROTTLED")
        if besides is None and any(o.wish == wish and o.placed_at > now - SECOND for o in recent):
            found.add("DUPLICATE_ORDER")
        return found | self._self_trade(wish)

    def _self_trade(self, wish: Wish) -> set[str]:
        others = [name for name in self.desks if name != wish.bot]
        return {"SELF_TRADE"} if any(crosses(wish, other) for other in self.working(others)) else set()

    def _grown_net(self, wish: Wish) -> set[str]:
        """A bot's exit against which another one holds, and which leaves both further from flat with all that leaves.

        Both trade one instrument, so units are compared; an exit that is changed was judged when it was new.
        """
        if wish.by_person:
            return set()
        sign = 1 if wish.side == "BUY" else -1
        for scope in self.desks[wish.bot].scopes:
            bots = self.bots_below(scope) if scope.split()[0] in ("account", "bucket") else []
            held = sum(self.desks[bot].position for bot in bots)
            leaving = wish.quantity + sum(one.left for one in self.working(bots) if is_leaving(one, wish.side))
            is_hedged = any(self.desks[bot].position * sign > 0 for bot in bots if bot != wish.bot)
            if is_hedged and abs(held + sign * leaving) > abs(held):
                return {"EXIT_GROWS_NET"}
        return set()

    def is_repeating(self, wish: Wish, now: datetime) -> bool:
        """Whether this wish is the one that disables its bot."""
        recent = [o for o in self.orders if o.placed_at >= now - MINUTE and not o.was_denied]
        return sum(o.wish.key == wish.key for o in recent) + 1 > self.bound(wish.bot, "repeat_executions")

    def _sums(self, wish: Wish, besides: Known | None) -> set[str]:
        found, value = set(), wish.quantity * self.unit(wish)
        for scope in self.desks[wish.bot].scopes:
            sums = self.sums(scope, besides)
            if sums["gross"] + sums["buying"] + sums["selling"] + value > self._of_scope(
                scope, wish.bot, "gross_exposure"
            ):
                found.add("GROSS_ABOVE_LIMIT")
            net = sums["net"] + sums["buying"] if wish.side == "BUY" else sums["selling"] - sums["net"]
            if net + value > self._of_scope(scope, wish.bot, "net_exposure"):
                found.add("NET_ABOVE_LIMIT")
        return found


def is_leaving(known: Known, side: str) -> bool:
    """Whether an order works to leave on a side."""
    return known.wish.purpose == "EXIT" and known.wish.side == side


def crosses(wish: Wish, other: Known) -> bool:
    """Whether a wish would trade with an order that works, on any terms that may hold for it."""
    theirs = other.wish
    if theirs.side == wish.side or not {wish.order_type, theirs.order_type} <= {"MARKET", "LIMIT"}:
        return False
    prices = [theirs.limit_price, other.asked_limit if other.asked_quantity is not None else theirs.limit_price]
    if wish.limit_price is None or None in prices:
        return True
    if wish.side == "BUY":
        return any(price is not None and price <= wish.limit_price for price in prices)
    return any(price is not None and price >= wish.limit_price for price in prices)
