"""What the check must never let through, over generated sequences of orders and over generated facts."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.risk import rules
from tests.risk.facts import DESK, LIMITS, SCOPE_LIMITS, codes, with_fields
from tests.risk.generated import Case, Generator

HALVES = st.integers(-60, 60).map(lambda n: Decimal(n) / 2)
UNITS = st.integers(0, 60).map(lambda n: Decimal(n) / 2)
WISHES = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 30).map(lambda n: Decimal(n) / 2),
        st.sampled_from(["OPENING", "PROTECTIVE", "EXIT"]),
        st.booleans(),
    ),
    max_size=25,
)
WIDE = dict.fromkeys(LIMITS, Decimal(10**9))
SPACIOUS = with_fields(DESK, {"limits": dict.fromkeys(SCOPE_LIMITS, Decimal(10**9))})
OPENING_ONLY = frozenset(
    {
        "BUYING_POWER_EXCEEDED",
        "BUYING_POWER_UNKNOWN",
        "CAPITAL_EXCEEDED",
        "DAILY_LOSS_REACHED",
        "DRAWDOWN_REACHED",
        "DUPLICATE_ORDER",
        "EXECUTION_THROTTLED",
        "FLAT_BEFORE_CLOSE",
        "GROSS_ABOVE_LIMIT",
        "INSTRUMENT_HALTED",
        "NET_ABOVE_LIMIT",
        "PNL_STALE",
        "POSITION_ABOVE_LIMIT",
        "SESSION_CLOSED",
        "SHORTING_NOT_ENTITLED",
    }
)
CASES = st.integers(0, 10**9).map(lambda number: Generator(7, number).case())


class Book:
    """One bot's position and working orders, and the firm's sums, as accepted orders work and fill."""

    def __init__(self, position: Decimal = Decimal(0)) -> None:
        self.position = position
        self.working = {"BUY": Decimal(0), "SELL": Decimal(0)}
        self.orders = 0

    def ask(self, side: str, quantity: Decimal, purpose: str, **changes: Any) -> bool:
        """Whether the check lets the order through."""
        exposure = {
            "position": self.position,
            "working_buy": self.working["BUY"],
            "working_sell": self.working["SELL"],
        }
        sums = {
            "gross": abs(self.position) * UNIT,
            "net": self.position * UNIT,
            "buying": self.working["BUY"] * UNIT,
            "selling": self.working["SELL"] * UNIT,
            "open_orders": self.orders,
        }
        scope = replace(changes.pop("scope", SPACIOUS), **sums)
        facts = {"limits": WIDE, "exposure": exposure, "scopes": [scope], "venue": {"buying_power": "1e12"}} | changes
        return not codes(side=side, quantity=quantity, purpose=purpose, **facts)

    def take(self, side: str, quantity: Decimal, *, fills: bool) -> None:
        """An accepted order works, or fills at once."""
        if fills:
            self.position += quantity if side == "BUY" else -quantity
        else:
            self.working[side] += quantity
            self.orders += 1


UNIT = Decimal(200)  # what one unit is worth: a price of 100 and a multiplier of 2


@settings(max_examples=60, deadline=None)
@given(WISHES, st.integers(0, 20).map(Decimal))
def test_no_sequence_of_accepted_orders_and_fills_breaks_the_position_limit(wishes: Any, bound: Decimal) -> None:
    book = Book()
    for side, quantity, purpose, fills in wishes:
        if not book.ask(side, quantity, purpose, limits=WIDE | {"position": bound}):
            continue
        book.take(side, quantity, fills=fills)
        assert -bound <= book.position - book.working["SELL"]
        assert book.position + book.working["BUY"] <= bound


@settings(max_examples=60, deadline=None)
@given(WISHES, st.integers(0, 20).map(Decimal), st.integers(0, 20).map(Decimal), st.integers(0, 6))
def test_no_sequence_of_accepted_openings_breaks_a_shared_limit(
    wishes: Any, gross: Decimal, net: Decimal, open_orders: int
) -> None:
    bounds = {"gross_exposure": gross * UNIT, "net_exposure": net * UNIT, "open_orders": Decimal(open_orders)}
    scope = replace(SPACIOUS, limits=SPACIOUS.limits | bounds)
    book = Book()
    for side, quantity, _, fills in wishes:
        if not book.ask(side, quantity, "OPENING", scope=scope):
            continue
        book.take(side, quantity, fills=fills)
        assert abs(book.position) + book.working["BUY"] + book.working["SELL"] <= gross
        assert -net <= book.position - book.working["SELL"]
        assert book.position + book.working["BUY"] <= net
        assert book.orders <= open_orders


@settings(max_examples=60, deadline=None)
@given(HALVES, UNITS, UNITS, WISHES)
def test_no_sequence_of_accepted_exits_crosses_zero(
    position: Decimal, buys: Decimal, sells: Decimal, wishes: Any
) -> None:
    book = Book(position)
    book.working |= {"BUY": buys, "SELL": sells}
    for side, quantity, purpose, fills in wishes:
        if not book.ask(side, quantity, "PROTECTIVE" if purpose == "PROTECTIVE" else "EXIT"):
            continue
        book.take(side, quantity, fills=fills)
        assert book.position * position >= 0
        assert abs(book.position) <= abs(position)


@settings(max_examples=300, deadline=None)
@given(CASES)
def test_only_known_codes_come_out_and_asking_twice_changes_nothing(case: Case) -> None:
    found = case.codes()

    assert found <= rules.CODES
    assert case.codes() == found


@settings(max_examples=300, deadline=None)
@given(CASES, st.sampled_from(["PROTECTIVE", "EXIT"]))
def test_what_binds_openings_alone_never_stops_what_guards_or_leaves(case: Case, purpose: str) -> None:
    other = replace(case, order=replace(case.order, purpose=purpose))

    assert not other.codes() & OPENING_ONLY


@settings(max_examples=300, deadline=None)
@given(CASES)
def test_what_may_open_may_also_be_asked_for_by_a_person(case: Case) -> None:
    by_bot = replace(case, order=replace(case.order, by_person=False)).codes()
    by_person = replace(case, order=replace(case.order, by_person=True)).codes()

    assert by_person <= by_bot


@settings(max_examples=300, deadline=None)
@given(CASES, st.sampled_from([*LIMITS]), st.integers(0, 3))
def test_a_tighter_limit_never_lets_more_through(case: Case, kind: str, divisor: int) -> None:
    bound = case.limits.get(kind)
    if bound is None or not bound.is_finite() or bound < 0:
        return
    tighter = replace(case, limits=case.limits | {kind: bound * divisor / 4})

    assert case.codes() <= tighter.codes()


@settings(max_examples=300, deadline=None)
@given(CASES, st.integers(0, 6))
def test_one_more_scope_never_lets_more_through(case: Case, number: int) -> None:
    more = replace(case, scopes=[*case.scopes, replace(SPACIOUS, name=f"scope {number}")])
    missing = {"LIMIT_MISSING"}  # the new scope may be the first to have a limit

    assert case.codes() - missing <= more.codes()
