"""What placed a hold: people stop what they may; what acts by itself takes the smallest scope and only reduces."""

import pytest

from apps.access.models import Scope
from apps.audit.models import Record
from apps.common.errors import Invalid, Refused
from apps.execution.api.hold_serializers import HoldShown
from apps.risk import selectors as risk_state
from apps.risk import services as risk
from apps.risk.api.serializers import LatchShown
from apps.risk.models import Hold
from apps.risk.states import AUTOMATIC, HoldSource
from tests.api.world import World

BY_ITSELF = {"actor": "job:watch", "reason": "it went wrong"}
SMALL = ("bot", "account")
OF_A_DESK = (*SMALL, "strategy", "bucket", "desk")
WIDEST = {source: OF_A_DESK if source == HoldSource.LIMITS else SMALL for source in AUTOMATIC}
KINDS = (*OF_A_DESK, "venue", "instrument", "firm")


def scope_of(world: World, kind: str) -> Scope:
    """The scope of that kind in the own desk, or the one that desks share."""
    owner = world.firm if kind == "firm" else getattr(world.own, kind)
    found: Scope = owner.scope
    return found


def holds_of(scope: Scope) -> int:
    """How many holds the scope ever had."""
    return Hold.objects.filter(scope=scope).count()


def test_a_person_stops_any_scope_and_that_is_the_kill_switch(world: World) -> None:
    for kind in KINDS:
        hold = risk.place_hold(
            scope=scope_of(world, kind), level="HALTED", actor=world.own.people["trader"], reason="storm"
        )

        assert Hold.objects.get(pk=hold.pk).source == HoldSource.KILL
        assert Record.objects.get(act="hold.placed", object_id=hold.pk).after["source"] == "kill"


def test_the_hold_of_a_drill_says_so(world: World) -> None:
    hold = risk.place_hold(scope=world.own.bot.scope, level="HALTED", is_drill=True, **BY_ITSELF)

    assert (hold.source, hold.is_drill) == (HoldSource.DRILL, True)


@pytest.mark.parametrize("source", AUTOMATIC)
def test_what_acts_by_itself_takes_the_smallest_scope(world: World, source: HoldSource) -> None:
    for kind in KINDS:
        scope = scope_of(world, kind)
        before = holds_of(scope)

        if kind in WIDEST[source]:
            assert risk.place_hold(scope=scope, level="REDUCING", source=source, **BY_ITSELF).source == source
            continue
        with pytest.raises(Refused) as refused:
            risk.place_hold(scope=scope, level="REDUCING", source=source, **BY_ITSELF)

        assert refused.value.code == "HOLD_TOO_WIDE"
        assert holds_of(scope) == before


@pytest.mark.parametrize(
    "asked",
    [{"level": "HALTED"}, {"level": "HALTED", "cancels": "all", "is_size_unknown": True}],
    ids=["halts", "takes guards away"],
)
def test_what_acts_by_itself_only_reduces(world: World, asked: dict[str, object]) -> None:
    scope = world.own.bot.scope
    before = holds_of(scope)

    for source in AUTOMATIC:
        with pytest.raises(Refused) as refused:
            risk.place_hold(scope=scope, source=source, **asked, **BY_ITSELF)

        assert refused.value.code == "HOLD_TOO_STRICT"
        assert holds_of(scope) == before


def test_of_unknown_size_it_may_halt(world: World) -> None:
    hold = risk.place_hold(
        scope=world.own.bot.scope, level="HALTED", source=HoldSource.CONTAINMENT, is_size_unknown=True, **BY_ITSELF
    )

    assert (hold.level, hold.cancels) == ("HALTED", "opening")


def test_an_unknown_source_is_refused(world: World) -> None:
    before = Hold.objects.count()

    with pytest.raises(Invalid) as refused:
        risk.place_hold(scope=world.own.bot.scope, level="REDUCING", source="whim", **BY_ITSELF)

    assert refused.value.code == "HOLD_SOURCE_UNKNOWN"
    assert Hold.objects.count() == before


def test_unless_held_means_one_hold_that_is_as_strict(world: World) -> None:
    scope, person = world.own.account.scope, world.own.people["trader"]
    reducing = risk.place_hold(scope=scope, level="REDUCING", actor=person, reason="storm")

    again = risk.place_hold(scope=scope, level="REDUCING", unless_held=True, **BY_ITSELF)
    stricter = risk.place_hold(scope=scope, level="HALTED", unless_held=True, **BY_ITSELF)
    looser = risk.place_hold(scope=scope, level="REDUCING", unless_held=True, **BY_ITSELF)

    assert (again.pk, looser.pk) == (reducing.pk, reducing.pk)
    assert (stricter.level, holds_of(scope)) == ("HALTED", 2)


def test_of_holds_that_are_as_strict_the_kill_switch_comes_first(world: World) -> None:
    scope = world.own.account.scope
    for source in (HoldSource.RAMP, HoldSource.DEAD_MAN, HoldSource.LIMITS, HoldSource.CONTAINMENT, HoldSource.KILL):
        risk.place_hold(scope=scope, level="REDUCING", source=source, **BY_ITSELF)

    found = [hold.source for hold in risk_state.holds_on([scope.pk])]

    assert found == ["kill", "containment", "limits", "dead_man", "ramp"]


def test_the_api_says_what_placed_a_hold(world: World) -> None:
    hold = risk.place_hold(scope=world.own.bot.scope, level="REDUCING", source=HoldSource.DEAD_MAN, **BY_ITSELF)

    assert (HoldShown(hold).data["source"], LatchShown(hold).data["source"]) == ("dead_man", "dead_man")
