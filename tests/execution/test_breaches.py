"""Passive breaches: nobody ordered anything, and what is held is over a limit all the same."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.services import breaches as lines_of
from apps.execution.services import valuing
from apps.risk import services as risk
from apps.risk.models import Hold, Limit, ScopeBook
from apps.risk.services import breaches
from tests.builders import make_user
from tests.execution.builders import Floor, together
from tests.execution.test_gateway import second_bot
from tests.execution.test_sums import limit
from tests.execution.test_valuing import move_price
from tests.markets.builders import BY


def sweep(floor: Floor, monkeypatch: pytest.MonkeyPatch, price: str) -> int:
    """The price becomes this one, everything is valued, and the limits are looked at."""
    move_price(floor, monkeypatch, price)
    execution.mark_books()
    return execution.contain_breaches()


def held() -> list[tuple[str, str, str]]:
    """Holds in force: kind of scope, level and source."""
    return list(Hold.objects.filter(state="active").order_by("id").values_list("scope__kind", "level", "source"))


def alerted() -> list[tuple[str, str, str]]:
    """What people were alerted to and is not resolved: kind of scope, tier, kind of limit."""
    found = Alert.objects.filter(code="LIMIT_BREACHED").exclude(state="resolved")
    return sorted(found.values_list("scope__kind", "tier", "detail__kind"))


def release(hold: Hold) -> None:
    """Two people lift it."""
    desk = hold.scope.parent.parent.parent  # type: ignore[union-attr]
    one, other = (make_user(f"{name}-{hold.epoch}", "risk owner", desk) for name in ("one", "other"))
    asked = risk.request_release(hold=hold, actor=one, reason="seen")
    assert asked.consent is not None
    risk.vote_release(hold=hold, actor=other, approve=True, reason="seen", digest=asked.consent.digest)


def test_a_price_that_moves_over_a_limit_reduces_and_alerts(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    limit(floor.bot.scope, "gross_exposure", "215")
    within = sweep(floor, monkeypatch, "107")
    assert (within, held(), alerted()) == (0, [], [])

    assert sweep(floor, monkeypatch, "110") == 1

    assert held() == [("bot", "REDUCING", "limits")]
    assert alerted() == [("bot", "critical", "gross_exposure")]
    hold = Hold.objects.get()
    assert hold.latched_at is not None
    assert (hold.placed_by, hold.reason) == ("job:limits", "Gross exposure is 220, its limit 215 (paper)")


def test_what_it_holds_may_be_closed_and_nothing_opened(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    limit(floor.bot.scope, "gross_exposure", "205")
    sweep(floor, monkeypatch, "104")

    assert "HOLD_REDUCING" in floor.place().codes
    assert floor.place(side="SELL", quantity="2", purpose="EXIT").codes == []


def test_sweeping_again_changes_nothing(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    limit(floor.bot.scope, "gross_exposure", "215")
    for price in ("110", "110", "115"):
        sweep(floor, monkeypatch, price)

    assert (Hold.objects.count(), Alert.objects.get(code="LIMIT_BREACHED").repeats) == (1, 0)


@pytest.mark.parametrize(
    ("kind", "bound", "price"),
    [
        ("net_exposure", "215", "110"),
        ("daily_loss", "20", "90"),
        ("drawdown", "40", "90"),
        ("position", "1.5", "110"),
    ],
)
def test_every_limit_on_what_is_held_or_lost_counts(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, kind: str, bound: str, price: str
) -> None:
    floor.hold_position("2")
    sweep(floor, monkeypatch, "110")
    limit(floor.bot.scope, kind, bound)

    assert sweep(floor, monkeypatch, price) == 1

    assert (held(), alerted()) == ([("bot", "REDUCING", "limits")], [("bot", "critical", kind)])


def test_a_short_position_is_measured_by_its_size(floor: Floor) -> None:
    with acting(**BY):
        ScopeBook.objects.filter(scope=floor.bot.scope).update(gross=300, net=-300)
    limit(floor.bot.scope, "net_exposure", "299")

    assert execution.contain_breaches() == 1


def test_a_loss_counts_when_it_reaches_its_limit_and_no_loss_never(floor: Floor) -> None:
    limit(floor.bot.scope, "daily_loss", "0")
    assert execution.contain_breaches() == 0
    limit(floor.bot.scope, "daily_loss", "5")
    ScopeBook.objects.filter(scope=floor.bot.scope).update(pnl=-5, pnl_at_open=0, pnl_peak=0)

    assert execution.contain_breaches() == 1


def test_working_orders_are_no_breach(floor: Floor) -> None:
    floor.place(quantity="2", order_type="LIMIT", limit_price="100")
    limit(floor.bot.scope, "gross_exposure", "50")
    limit(floor.bot.scope, "open_orders", "0")

    assert (execution.contain_breaches(), held()) == (0, [])


def test_lowering_a_limit_below_what_is_held_reduces(floor: Floor) -> None:
    floor.hold_position("2")
    woken = execution.contain_breaches()
    risk.set_limit(scope=floor.bot.scope, kind="position", value=Decimal(1), **BY)

    assert (woken, execution.contain_breaches(), held()) == (0, 1, [("bot", "REDUCING", "limits")])


def test_a_limit_that_reverts_reduces_before_it_is_written_down(floor: Floor) -> None:
    floor.hold_position("2")
    with acting(**BY):
        ends = {"expires_at": wall_now() + timedelta(hours=1), "reverts_to": 1}
        Limit.objects.filter(scope=floor.bot.scope, kind="position").update(**ends)
    during = execution.contain_breaches()
    floor.wall.advance(3600)

    assert (during, execution.contain_breaches(), held()) == (0, 1, [("bot", "REDUCING", "limits")])


def test_whoever_lowers_and_whoever_values_wakes_the_sweep(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(valuing.nudges, "wake", woken.append)

    execution.mark_books()
    risk.set_limit(scope=floor.bot.scope, kind="position", value=Decimal(1), **BY)

    assert woken == ["execution.contain_breaches"] * 2


def test_the_bundles_own_limits_bound_its_bot(floor: Floor) -> None:
    floor.hold_position("2")
    with acting(**BY):
        Deployment.objects.update(limits={"gross_exposure": "150", "position": "1"})

    assert execution.contain_breaches() == 2
    assert held() == [("bot", "REDUCING", "limits")]
    assert alerted() == [("bot", "critical", "gross_exposure"), ("bot", "critical", "position")]


def test_only_the_smallest_scope_of_a_line_is_held(floor: Floor) -> None:
    floor.hold_position("2")
    bucket = floor.account.bucket
    for scope in (floor.bot.scope, floor.account.scope, bucket.scope, bucket.desk.scope):
        limit(scope, "gross_exposure", "100")

    execution.contain_breaches()

    assert held() == [("bot", "REDUCING", "limits")]
    assert [kind for kind, _, _ in alerted()] == ["account", "bot", "bucket", "desk"]


def test_a_scope_is_not_held_while_a_bot_below_it_is_over_itself(floor: Floor) -> None:
    second_bot(floor)
    floor.hold_position("2")
    for scope in (floor.bot.scope, floor.account.bucket.scope):
        limit(scope, "gross_exposure", "100")

    execution.contain_breaches()

    assert held() == [("bot", "REDUCING", "limits")]


def test_a_bucket_that_is_over_by_itself_is_held(floor: Floor) -> None:
    floor.hold_position("2")
    limit(floor.account.bucket.scope, "gross_exposure", "100")

    execution.contain_breaches()

    assert held() == [("bucket", "REDUCING", "limits")]


@pytest.mark.parametrize("kind", ["firm", "venue", "instrument"])
def test_what_desks_share_is_alerted_and_left_to_people(floor: Floor, kind: str) -> None:
    floor.hold_position("2")
    shared = {
        "firm": floor.account.bucket.desk.scope.parent,
        "venue": floor.account.venue.scope,
        "instrument": floor.instrument.scope,
    }
    limit(shared[kind], "gross_exposure", "100")

    execution.contain_breaches()

    assert (held(), alerted()) == ([], [(kind, "critical", "gross_exposure")])


def test_paper_over_a_limit_stops_no_real_money(floor: Floor) -> None:
    floor.hold_position("2")
    limit(floor.account.bucket.scope, "gross_exposure", "100")
    paper = lines_of._line(Deployment.objects.select_related(*valuing.RELATED).get())
    live = replace(paper, mode="live", bot_scope_id=floor.trader.pk)

    risk.contain_breaches([paper, live])

    assert (held(), alerted()) == ([], [("bucket", "critical", "gross_exposure")])


def test_a_hold_that_is_as_strict_is_enough(floor: Floor) -> None:
    floor.hold_position("2")
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)
    limit(floor.bot.scope, "position", "1")

    execution.contain_breaches()

    assert (held(), alerted()) == ([("bot", "HALTED", "kill")], [("bot", "critical", "position")])


def test_within_the_limit_again_the_alert_ends_and_the_hold_stays(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.hold_position("2")
    limit(floor.bot.scope, "gross_exposure", "215")
    sweep(floor, monkeypatch, "110")

    assert sweep(floor, monkeypatch, "100") == 0

    assert (held(), alerted()) == ([("bot", "REDUCING", "limits")], [])


def test_a_book_that_nobody_values_ends_no_alert(floor: Floor) -> None:
    floor.hold_position("2")
    limit(floor.bot.scope, "gross_exposure", "100")
    execution.contain_breaches()
    limit(floor.bot.scope, "gross_exposure", "1000")
    floor.wall.advance(61)
    execution.contain_breaches()
    during = alerted()
    floor.hear()
    execution.contain_breaches()

    assert (during, alerted()) == ([("bot", "critical", "gross_exposure")], [])


def test_where_nothing_trades_any_more_the_alert_ends(floor: Floor) -> None:
    limit(floor.bot.scope, "drawdown", "5")
    ScopeBook.objects.filter(scope=floor.bot.scope).update(pnl=-5)
    execution.contain_breaches()
    during = alerted()
    deployments.pause(deployment=floor.deployment, **BY)
    execution.contain_breaches()

    assert (during, alerted()) == ([("bot", "critical", "drawdown")], [])


def test_who_released_the_hold_knew_of_the_breach(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    limit(floor.bot.scope, "gross_exposure", "215")
    sweep(floor, monkeypatch, "110")
    floor.wall.advance(1)
    release(Hold.objects.get())
    sweep(floor, monkeypatch, "111")
    known = held()
    sweep(floor, monkeypatch, "100")
    floor.wall.advance(1)
    sweep(floor, monkeypatch, "110")

    assert (known, held()) == ([], [("bot", "REDUCING", "limits")])


def test_a_sweep_that_died_after_its_alert_is_made_up_for(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    limit(floor.bot.scope, "position", "1")

    def killed(**_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as dying:
        dying.setattr(breaches, "place_hold", killed)
        execution.contain_breaches()
    before = (held(), alerted())
    execution.contain_breaches()

    assert before == ([], [("bot", "critical", "position")])
    assert (held(), Alert.objects.get(code="LIMIT_BREACHED").repeats) == ([("bot", "REDUCING", "limits")], 0)


def test_one_breach_that_cannot_be_contained_stops_no_other(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    limit(floor.bot.scope, "position", "1")
    limit(floor.bot.scope, "gross_exposure", "100")
    limit(floor.account.venue.scope, "gross_exposure", "100")
    alert = breaches._raise

    def broken(breach: breaches.Breach, scope: Any) -> Alert:
        if scope.kind == "venue":
            raise ConnectionError
        return alert(breach, scope)

    monkeypatch.setattr(breaches, "_raise", broken)

    assert execution.contain_breaches() == 3
    assert (held(), len(alerted())) == ([("bot", "REDUCING", "limits")], 2)


def test_sweeps_at_once_place_one_hold(real_floor: Floor) -> None:
    real_floor.hold_position("2")
    limit(real_floor.bot.scope, "position", "1")

    together(*[execution.contain_breaches] * 4)

    assert (Hold.objects.count(), Alert.objects.filter(code="LIMIT_BREACHED").count()) == (1, 1)
