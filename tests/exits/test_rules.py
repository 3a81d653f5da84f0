"""What a plan does next, as a table: no database, no venue."""

import random
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from apps.execution.exits import rules
from apps.execution.exits.rules import Act, LegFacts, Pace, WorkingOrder

D = Decimal


def order(number: int = 1, **overrides: Any) -> WorkingOrder:
    """A working sell of 1 that another wants for an exit."""
    fields: dict[str, Any] = {"id": UUID(int=number), "side": "SELL", "purpose": "EXIT", "left": D(1)}
    return WorkingOrder(**(fields | overrides))


def facts(*orders: WorkingOrder, **overrides: Any) -> LegFacts:
    """10 units long in an open market at 100 that trades 40 a step."""
    fields: dict[str, Any] = {"held": D(10), "lot_size": D(1), "price": D(100), "volume": D(40)}
    return LegFacts(orders=orders, **(fields | overrides))


OURS = {"is_ours": True}
GUARD = {"purpose": "PROTECTIVE"}
OPENING = {"purpose": "OPENING", "side": "BUY"}
DECISIONS = [
    ("a position and nothing else", facts(), Act.SLICE),
    ("short", facts(held=D(-10)), Act.SLICE),
    ("an opening order works", facts(order(**OPENING)), Act.CLEAR),
    ("an opening order of unknown fate", facts(order(**OPENING, is_unknown=True)), Act.CLEAR),
    ("an opening order and a silent venue", facts(order(**OPENING), held=None), Act.CLEAR),
    ("another's exit works", facts(order()), Act.CLEAR),
    ("another's exit is being cancelled", facts(order(is_cancelling=True)), Act.CLEAR),
    ("another's exit of unknown fate", facts(order(is_unknown=True)), Act.SLICE),
    ("another's exit of unknown fate on the wrong side", facts(order(side="BUY", is_unknown=True)), Act.CLEAR),
    ("a protective order guards", facts(order(**GUARD)), Act.SLICE),
    ("our slice works", facts(order(**OURS)), Act.WORK),
    ("our slice rests too long", facts(order(**OURS, is_overdue=True)), Act.CLEAR),
    ("our slice on the wrong side", facts(order(**OURS), held=D(-10)), Act.CLEAR),
    ("our slice of unknown fate", facts(order(**OURS, is_unknown=True, left=D(4))), Act.SLICE),
    ("unknown slices could have closed it all", facts(order(**OURS, is_unknown=True, left=D(10))), Act.WAIT),
    ("the venue is silent", facts(held=None), Act.WAIT),
    ("the session is closed", facts(is_open=False), Act.WAIT),
    ("halted", facts(is_halted=True), Act.WAIT),
    ("a hold", facts(hold="HALTED"), Act.WAIT),
    ("no fresh price", facts(price=None), Act.WAIT),
    ("no volume known", facts(volume=None), Act.WAIT),
    ("nothing traded", facts(volume=D(0)), Act.WAIT),
    ("less than a lot", facts(held=D("0.4")), Act.BLOCK),
    ("two failures", facts(failures=2), Act.SLICE),
    ("three failures", facts(failures=3), Act.BLOCK),
    ("flat", facts(held=D(0)), Act.DONE),
    ("flat after failures", facts(held=D(0), failures=3), Act.DONE),
    ("flat in a closed session", facts(held=D(0), is_open=False), Act.DONE),
    ("flat and guarded", facts(order(**GUARD), held=D(0)), Act.SWEEP),
    ("flat and a guard is being cancelled", facts(order(**GUARD, is_cancelling=True), held=D(0)), Act.SWEEP),
    ("flat with a slice at work", facts(order(**OURS), held=D(0)), Act.CLEAR),
    ("flat with a slice of unknown fate", facts(order(**OURS, is_unknown=True), held=D(0)), Act.CLEAR),
    ("flat with an opening order", facts(order(**OPENING), held=D(0)), Act.CLEAR),
]  # fmt: skip


@pytest.mark.parametrize(("told", "act"), [row[1:] for row in DECISIONS], ids=[row[0] for row in DECISIONS])
def test_a_leg_does_what_it_needs_now(told: LegFacts, act: Act) -> None:
    assert rules.decide(told, keep_protective=True).act == act


@pytest.mark.parametrize(("guarded", "act"), [(frozenset(), Act.CLEAR), (frozenset({UUID(int=1)}), Act.SLICE)])
def test_a_guard_that_is_not_to_stay_goes_first_unless_a_hold_keeps_it(guarded: frozenset[UUID], act: Act) -> None:
    told = facts(order(**GUARD))

    assert rules.decide(told, keep_protective=False, guarded=guarded).act == act


CAPS = [
    ("a tenth of the volume", facts(), "0.1", 4),
    ("all that is held", facts(volume=D(1000)), "0.1", 10),
    ("whole lots", facts(volume=D(59)), "0.1", 5),
    ("at least a lot", facts(volume=D(3)), "0.1", 1),
    ("less what may have been closed", facts(order(left=D(7), is_unknown=True), volume=D(1000)), "1", 3),
    ("less what may have been bought back", facts(order(side="BUY", left=D(7)), held=D(-10), volume=D(99)), "1", 3),
    ("protective orders do not count", facts(order(**GUARD, left=D(10)), volume=D(1000)), "1", 10),
    ("nothing of nothing", facts(held=D(0)), "1", 0),
    ("nothing of an unknown position", facts(held=None), "1", 0),
    ("nothing beyond zero", facts(order(left=D(12), is_unknown=True)), "1", 0),
    ("no part of a lot", facts(held=D("2.5"), volume=D(1000)), "1", 2),
]  # fmt: skip


@pytest.mark.parametrize(("told", "share", "units"), [row[1:] for row in CAPS], ids=[row[0] for row in CAPS])
def test_a_slice_takes_no_more_than_its_share_and_never_crosses_zero(told: LegFacts, share: str, units: int) -> None:
    assert rules.cap(told, D(share)) == units


def pace(left: str, target: str, cap: str, lot: str = "1") -> Pace:
    """A leg's standing."""
    return Pace(D(left), D(target), D(cap), D(lot))


STEPS = [
    ("alone at its cap", [pace("10", "10", "4")], ["4"]),
    ("alone and through", [pace("3", "10", "3")], ["3"]),
    ("the slower one sets the pace", [pace("10", "10", "10"), pace("100", "100", "20")], ["2", "20"]),
    ("who is ahead waits", [pace("5", "10", "5"), pace("80", "100", "20")], ["0", "20"]),
    ("a leg that stands holds the others", [pace("10", "10", "0"), pace("100", "100", "50")], ["0", "0"]),
    ("the others come to the level of a leg that stands", [pace("5", "10", "0"), pace("80", "100", "50")], ["0", "30"]),
    ("a leg that is through holds nobody", [pace("0", "10", "0"), pace("80", "100", "50")], ["0", "50"]),
    ("lots that do not divide go up, one lot at most", [pace("1", "1", "1"), pace("10", "10", "4")], ["1", "4"]),
    ("nothing to do", [pace("0", "0", "0")], ["0"]),
    ("who is ahead waits for a leg that was refused", [pace("6", "8", "2"), pace("4", "4", "4")], ["0", "1"]),
    ("ahead by less than a lot is level", [pace("2", "3", "2"), pace("80", "100", "20")], ["1", "20"]),
    ("both through at once", [pace("10", "10", "10"), pace("7", "7", "7")], ["10", "7"]),
]  # fmt: skip


@pytest.mark.parametrize(("paces", "sizes"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_legs_of_a_hedge_go_down_together(paces: list[Pace], sizes: list[str]) -> None:
    assert rules.in_step(paces) == [D(size) for size in sizes]


PRICES = [
    ("SELL", "100", "50", "0.01", {}, "99.5"),
    ("BUY", "100", "50", "0.01", {}, "100.5"),
    ("SELL", "100", "33", "0.5", {}, "100"),
    ("BUY", "100", "33", "0.5", {}, "100"),
    ("SELL", "100", "500", "0.01", {"limit_down": D("97")}, "97"),
    ("BUY", "100", "500", "0.01", {"limit_up": D("103.005")}, "103"),
    ("SELL", "0.01", "1000", "0.01", {}, "0.01"),
]


@pytest.mark.parametrize(("side", "reference", "bps", "tick", "band", "worst"), PRICES)
def test_a_price_stays_inside_collar_and_band_on_whole_ticks(
    side: str, reference: str, bps: str, tick: str, band: dict[str, Decimal], worst: str
) -> None:
    assert rules.limit_price(side, D(reference), D(bps), D(tick), **band) == D(worst)


FAILED = ("REJECTED", ["POSITION_INSUFFICIENT"], D(0))
ENDS = [
    ("none", [], 0),
    ("rejected", [FAILED] * 3, 3),
    ("denied", [("DENIED", ["PRICE_OUTSIDE_COLLAR"], D(0))], 1),
    ("denied by what passes", [("DENIED", ["PRICE_STALE"], D(0)), ("DENIED", ["EXIT_EXCEEDS_POSITION"], D(0))], 0),
    ("denied by what passes and by what does not", [("DENIED", ["PRICE_STALE", "VENUE_CANNOT"], D(0))], 1),
    ("the venue did not answer", [("NOT_SENT", ["EXIT_UNCONFIRMED"], D(0))], 0),
    ("not marketable", [("CANCELED", [], D(0)), ("EXPIRED", [], D(0))], 0),
    ("a trade starts the count anew", [FAILED, ("FILLED", [], D(1)), FAILED, FAILED], 1),
    ("a part of a trade too", [FAILED, ("CANCELED", [], D(1)), FAILED], 1),
    ("what was missed does not", [FAILED, ("CANCELED", [], D(0)), FAILED], 2),
]


@pytest.mark.parametrize(("ended", "count"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_only_slices_that_fail_by_themselves_count_as_failures(
    ended: list[tuple[str, list[str], Decimal]], count: int
) -> None:
    assert rules.failures(ended) == count


@pytest.mark.parametrize(("left", "cap", "count"), [("10", "4", 3), ("-10", "5", 2), ("10", "0", None)])
def test_the_number_of_slices_is_known_before(left: str, cap: str, count: int | None) -> None:
    assert rules.slices(D(left), D(cap)) == count


def test_a_hedge_that_is_refused_at_random_is_never_torn_by_more_than_one_slice() -> None:
    chance = random.Random(7)
    for _ in range(60):
        targets = [D(chance.randint(1, 40)) for _ in range(3)]
        caps = [D(chance.randint(1, 9)) for _ in range(3)]
        left = list(targets)
        while any(left):
            paces = [
                Pace(units, target, min(cap, units), D(1))
                for units, target, cap in zip(left, targets, caps, strict=True)
            ]
            sizes = rules.in_step(paces)
            filled = [size if chance.random() < 0.7 else D(0) for size in sizes]
            left = [units - gone for units, gone in zip(left, filled, strict=True)]
            # In units of each leg: one slice, and the lot that rounding may add.
            last = max(units / target for units, target in zip(left, targets, strict=True))
            ahead = [last * target - units for units, target in zip(left, targets, strict=True)]
            assert all(units <= cap + 1 for units, cap in zip(ahead, caps, strict=True))
