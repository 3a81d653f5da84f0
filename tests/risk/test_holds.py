"""Holds by themselves: what may be asked for, how one is lifted, and by whom."""

from uuid import UUID

import psycopg
import pytest
from django.db import OperationalError

from apps.alerts.models import Alert
from apps.audit.models import Record
from apps.common.errors import Forbidden, Invalid, Refused
from apps.risk import services as risk
from apps.risk.models import Hold
from tests.api.world import World
from tests.markets.builders import BY

STORM = {"reason": "storm"}


def halt(world: World, **asked: object) -> Hold:
    """A halt of the own desk by its trader."""
    fields = {"scope": world.own.desk.scope, "level": "HALTED", "actor": world.own.people["trader"], **STORM}
    return risk.place_hold(**(fields | asked))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"level": "PAUSED"}, "HOLD_LEVEL_UNKNOWN"),
        ({"cancels": "some"}, "CANCELS_UNKNOWN"),
        ({"level": "REDUCING", "cancels": "all"}, "REDUCING_CANCELS_NOTHING"),
        ({"reason": "  "}, "REASON_MISSING"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(world: World, asked: dict[str, str], code: str) -> None:
    before = Hold.objects.count()

    with pytest.raises(Invalid) as refused:
        halt(world, **asked)

    assert refused.value.code == code
    assert Hold.objects.count() == before


def test_a_halt_keeps_protective_orders_unless_all_is_said(world: World) -> None:
    assert (halt(world).cancels, halt(world, cancels="all").cancels) == ("opening", "all")


def test_holds_of_a_scope_are_counted_and_stand_side_by_side(world: World) -> None:
    first, second = halt(world), halt(world)

    assert second.epoch == first.epoch + 1
    assert {Hold.objects.get(pk=hold.pk).state for hold in (first, second)} == {"active"}


def test_releasing_one_hold_leaves_the_other_in_force(world: World) -> None:
    first, second = halt(world), halt(world)
    risk.request_release(hold=first, actor=world.own.people["trader"], reason="over")
    first.refresh_from_db()

    risk.vote_release(
        hold=first, actor=world.own.people["operator"], approve=True, reason="agreed", digest=first.consent.digest
    )

    assert [Hold.objects.get(pk=hold.pk).state for hold in (first, second)] == ["released", "active"]


def test_one_person_alone_never_lifts_a_hold(world: World) -> None:
    hold, trader = halt(world), world.own.people["trader"]
    risk.request_release(hold=hold, actor=trader, reason="over")
    hold.refresh_from_db()

    with pytest.raises(Forbidden) as refused:
        risk.vote_release(hold=hold, actor=trader, approve=True, reason="me too", digest=hold.consent.digest)

    assert refused.value.code == "VOTE_EXCLUDED"
    assert Hold.objects.get(pk=hold.pk).state == "active"


def test_a_machine_neither_loosens_nor_releases(world: World) -> None:
    hold, machine = halt(world), world.own.people["service account"]

    for to_level in ("REDUCING", None):
        with pytest.raises(Forbidden) as refused:
            risk.request_release(hold=hold, to_level=to_level, actor=machine, reason="let me")
        assert refused.value.code == "PERSON_NEEDED"

    hold.refresh_from_db()
    assert (hold.level, hold.state, hold.consent) == ("HALTED", "active", None)


def test_a_machine_has_no_vote_on_a_release(world: World) -> None:
    hold = halt(world)
    risk.request_release(hold=hold, actor=world.own.people["trader"], reason="over")
    hold.refresh_from_db()

    with pytest.raises(Forbidden) as refused:
        risk.vote_release(
            hold=hold,
            actor=world.own.people["service account"],
            approve=True,
            reason="yes",
            digest=hold.consent.digest,
        )

    assert refused.value.code == "VOTE_BY_SERVICE"
    assert Hold.objects.get(pk=hold.pk).state == "active"


def test_the_job_lifts_only_the_hold_of_a_drill(world: World) -> None:
    hold, drill = halt(world), halt(world, is_drill=True)

    with pytest.raises(Refused) as refused:
        risk.end_drill_hold(hold=hold, **BY)
    lifted = risk.end_drill_hold(hold=drill, **BY)
    again = risk.end_drill_hold(hold=drill, **BY)

    assert refused.value.code == "HOLD_NOT_A_DRILL"
    assert Hold.objects.get(pk=hold.pk).state == "active"
    assert (lifted.state, again.state) == ("released", "released")
    assert Record.objects.filter(act="hold.drill_ended", object_id=drill.pk).count() == 1


def test_the_first_list_of_unconfirmed_orders_calls_people_and_the_end_of_the_drain_calms_them(world: World) -> None:
    hold, left = halt(world), [{"order": "1"}, {"order": "2"}]

    risk.note_left(hold=hold, left=left)
    risk.note_left(hold=hold, left=left[:1])

    assert Hold.objects.get(pk=hold.pk).left == left[:1]
    alert = Alert.objects.get(code="DRAIN_UNCONFIRMED")
    assert (alert.tier, alert.repeats, alert.object_id) == ("critical", 0, hold.pk)

    risk.mark_drained(hold=hold)

    drained = Hold.objects.get(pk=hold.pk)
    assert (drained.drain_state, drained.left) == ("drained", [])
    assert drained.drain_ms is not None
    assert Alert.objects.get(pk=alert.pk).state == "resolved"


def test_what_is_drained_is_listed_no_more(world: World) -> None:
    hold = halt(world)
    risk.mark_drained(hold=hold)

    risk.note_left(hold=hold, left=[{"order": "1"}])

    assert Hold.objects.get(pk=hold.pk).left == []
    assert not Alert.objects.filter(code="DRAIN_UNCONFIRMED").exists()


def test_a_transaction_that_keeps_the_lock_cannot_keep_the_switch_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold is in force before the lock is waited for a second time."""
    in_force = []

    def busy_once(ids: list[UUID]) -> None:
        in_force.append(Hold.objects.filter(scope_id__in=ids, state="active").count())
        if len(in_force) == 1:
            raise OperationalError from psycopg.errors.LockNotAvailable()

    monkeypatch.setattr(risk.holds.locks, "exclusive", busy_once)

    hold = halt(world)

    assert in_force == [0, 1]
    assert hold.latched_at is not None
    assert Record.objects.filter(act="hold.placed", object_id=hold.pk).count() == 1
