"""The dead-man's policy half done, done twice, or by two at once; and what its sweep reads."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.execution import services as execution
from apps.execution.models import BotSession
from apps.execution.services import orders, sessions
from apps.risk import services as risk
from apps.risk.models import Hold
from tests.execution.attached import (
    bots_of,
    cannot_cancel,
    ended,
    fall_silent,
    held,
    live_on,
    open_another,
    opened,
    pause,
    rest,
)
from tests.execution.builders import Floor, redeploy, together
from tests.markets.builders import BY

HOUR_S = 3_600
STATE = '"execution_botsession"."state" = '


def kill_at(patched: pytest.MonkeyPatch, name: str) -> None:
    """The worker dies when it comes there."""

    def killed(*_: object) -> None:
        raise SystemExit

    patched.setattr(sessions, name, killed)


def test_a_close_that_was_killed_is_done_by_the_next(attached: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    session = opened(attached)
    pause(attached)

    with monkeypatch.context() as patched:
        kill_at(patched, "_close_fenced")
        with pytest.raises(SystemExit):
            fall_silent(attached)
    assert ended(session) == ("open", "")

    fall_silent(attached, sessions.LEASE_S + 1)

    assert ended(session) == ("closed", "the deployment is paused: nothing was held")
    assert not Hold.objects.exists()


def test_what_is_left_to_cancel_is_cancelled_though_the_deployment_is_paused(
    attached: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(attached)
    order = rest(attached, session)
    with monkeypatch.context() as patched:
        patched.setattr(orders, "cancel", cannot_cancel)
        fall_silent(attached)
    pause(attached)

    fall_silent(attached, sessions.LEASE_S + 1)

    order.refresh_from_db()
    assert order.cancel_requested
    assert ended(session) == ("expired", "openings are held and cancelled")


def test_a_pause_in_the_moment_of_the_loss_leaves_a_session_that_tells_the_truth(real_floor: Floor) -> None:
    redeploy(real_floor, runs="attached")
    session = opened(real_floor)
    real_floor.wall.advance(10)

    together(lambda: pause(real_floor), execution.expire_sessions, execution.expire_sessions)

    assert ended(session)[0] in ("closed", "expired")
    assert Hold.objects.count() == (session.state == "expired") == Alert.objects.filter(code="BOT_SILENT").count()


def test_a_bot_that_is_lost_again_and_again_has_one_hold(attached: Floor) -> None:
    for _ in range(3):
        opened(attached)
        fall_silent(attached)

    assert Hold.objects.count() == 1
    assert Alert.objects.get(code="BOT_SILENT").repeats == 2
    assert set(BotSession.objects.values_list("outcome", flat=True)) == {"openings are held and cancelled"}


@pytest.mark.parametrize("clock_s", [0, -HOUR_S])
def test_once_it_was_released_the_next_loss_is_held_anew(attached: Floor, clock_s: int) -> None:
    opened(attached)
    fall_silent(attached)
    release(Hold.objects.get())
    attached.wall.advance(clock_s)

    opened(attached)
    fall_silent(attached)

    assert Hold.objects.filter(state="active").count() == 1


def release(hold: Hold) -> None:
    """Two people have released it."""
    with acting(**BY):
        Hold.objects.filter(pk=hold.pk).update(state="released", released_at=wall_now())


def test_two_that_looked_before_either_had_held_place_one_hold(
    attached: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(attached)
    other = risk.place_hold(scope=attached.bot.scope, level="HALTED", **BY)
    monkeypatch.setattr(sessions, "_is_held", lambda _: False)

    for _ in range(2):
        sessions._hold_openings(session)

    assert Hold.objects.exclude(pk=other.pk).get().source == "dead_man"


def test_one_killed_between_hold_and_cancel_is_finished_by_the_next(
    attached: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(attached)
    order = rest(attached, session)

    with monkeypatch.context() as patched:
        kill_at(patched, "_cancel_openings")
        with pytest.raises(SystemExit):
            fall_silent(attached)
    assert (ended(session), Hold.objects.count()) == (("open", ""), 1)

    fall_silent(attached, sessions.LEASE_S + 1)

    order.refresh_from_db()
    assert (order.cancel_requested, Hold.objects.count()) == (True, 1)
    assert ended(session) == ("expired", "openings are held and cancelled")


def test_a_policy_that_has_begun_goes_on_though_many_are_silent_by_then(
    attached: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(attached)
    order = rest(attached, session)
    others = [open_another(attached, f"more-{number}", heartbeat_s=25) for number in range(2)]
    live_on(attached)
    with monkeypatch.context() as patched:
        patched.setattr(orders, "cancel", cannot_cancel)
        fall_silent(attached)

    fall_silent(attached, sessions.LEASE_S + 1)

    order.refresh_from_db()
    assert (order.cancel_requested, held()) == (True, bots_of(session))
    assert ended(session) == ("expired", "openings are held and cancelled")
    assert {ended(other)[1] for other in others} == {"many bots fell silent at once: nothing was held"}


def test_a_loss_of_long_ago_is_not_at_once_though_a_cancel_is_left(
    attached: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(attached)
    rest(attached, session)
    others = [open_another(attached, f"more-{number}", heartbeat_s=60) for number in range(2)]
    live_on(attached)
    monkeypatch.setattr(orders, "cancel", cannot_cancel)
    fall_silent(attached)

    fall_silent(attached, 50)

    assert held() == bots_of(session, *others)


def test_the_sweep_reads_no_sessions_that_ended_long_ago(attached: Floor) -> None:
    opened(attached)
    live_on(attached)
    many_that_ended(attached)
    attached.wall.advance(10)
    with CaptureQueriesContext(connection) as asked:
        execution.expire_sessions()

    found = [query["sql"] for query in asked if query["sql"].startswith("SELECT") and STATE in query["sql"]]
    plans = "\n".join(plan(sql) for sql in found)
    used = set(re.findall(r"Scan(?: using (\w+))? on execution_botsession", plans))
    assert {"session_open", "session_lost"} <= used
    assert used <= {"session_open", "session_lost", "one_open_session_per_deployment"}


def many_that_ended(attached: Floor) -> None:
    """So many pages of sessions that the way to read them is no matter of taste."""
    ended: dict[str, Any] = {"state": "closed", "ended_at": wall_now(), "heartbeat_at": wall_now()}
    lease: dict[str, Any] = {"deployment": attached.deployment, "epoch": 1, "build_id": "b" * 64, "heartbeat_s": 10}
    with acting(**BY):
        BotSession.objects.bulk_create([BotSession(**ended, **lease, opened_by=attached.trader) for _ in range(1_000)])


def plan(sql: str) -> str:
    """How the database would read it, once the table is large."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for [line] in cursor.fetchall())
