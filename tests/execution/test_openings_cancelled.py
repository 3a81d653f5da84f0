"""What works to open more below a passed limit is cancelled; what guards or closes a position stays."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.common.errors import Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.services import breaches
from apps.risk import services as risk
from apps.risk.models import Hold, Limit
from apps.venues.models import Account
from tests.execution.builders import Floor, let_short, together, work_orders
from tests.execution.test_breaches import alerted, held, release, sweep
from tests.execution.test_gateway import place_for, second_bot
from tests.execution.test_sums import limit
from tests.markets.builders import BY


def rest(floor: Floor, price: str = "90", **terms: Any) -> Order:
    """An opening order that stays at the venue, unless told otherwise for two units."""
    order = floor.place(**{"quantity": "2", "order_type": "LIMIT", "limit_price": price} | terms)
    assert order.codes == []
    work_orders()
    return order


def states(*found: Order) -> list[str]:
    """What became of them."""
    by_id = dict(Order.objects.values_list("pk", "state"))
    return [by_id[order.pk] for order in found]


def told() -> list[tuple[str, str, str, int]]:
    """What people were told of cancelled openings: tier, kind of scope, kind of limit, how often again."""
    found = Alert.objects.filter(code="OPENINGS_CANCELLED").exclude(state="resolved")
    return list(found.values_list("tier", "scope__kind", "detail__kind", "repeats"))


@pytest.fixture
def guarded(floor: Floor) -> list[Order]:
    """The bot holds two; one opening order, one exit and one guard rest at the venue."""
    floor.hold_position("2")
    opening = rest(floor)
    leaving = rest(floor, "105", side="SELL", quantity="1", purpose="EXIT")
    guard = rest(
        floor, side="SELL", quantity="1", purpose="PROTECTIVE", order_type="STOP", limit_price=None, stop_price="90"
    )
    return [opening, leaving, guard]


def test_below_a_hold_of_a_limit_what_opens_is_cancelled_and_nothing_else(floor: Floor, guarded: list[Order]) -> None:
    limit(floor.bot.scope, "position", "1")

    execution.contain_breaches()

    assert held() == [("bot", "REDUCING", "limits")]
    assert states(*guarded) == ["PENDING_CANCEL", "ACCEPTED", "ACCEPTED"]
    asked = guarded[0].events.latest("sequence")
    assert (asked.actor, asked.reason) == ("job:limits", f"{floor.bot.scope} passed a limit: nothing opens below it")
    assert told() == []


def test_a_hold_on_a_bucket_reaches_every_bot_below_it(floor: Floor) -> None:
    other, own = second_bot(floor), rest(floor)
    theirs = place_for(floor, other, quantity="1", order_type="LIMIT", limit_price="90")
    bucket = floor.account.bucket.scope
    risk.place_hold(scope=bucket, level="REDUCING", source="limits", **BY)

    execution.contain_breaches()

    assert states(own, theirs) == ["PENDING_CANCEL", "CANCELED"]


def test_an_order_in_doubt_is_cancelled_once_it_is_found(floor: Floor) -> None:
    floor.line.lose_reply.add("submit")
    order = rest(floor)
    floor.line.lose_reply.clear()
    risk.place_hold(scope=floor.bot.scope, level="REDUCING", source="limits", **BY)

    execution.contain_breaches()
    for _ in range(3):
        floor.wall.advance(2)
        work_orders()

    assert states(order) == ["CANCELED"]


def test_a_hold_of_a_person_that_only_reduces_cancels_nothing(floor: Floor) -> None:
    order = rest(floor)
    risk.place_hold(scope=floor.bot.scope, level="REDUCING", **BY)

    execution.contain_breaches()

    assert states(order) == ["ACCEPTED"]


def test_after_its_release_nothing_is_cancelled(floor: Floor) -> None:
    risk.place_hold(scope=floor.bot.scope, level="REDUCING", source="limits", **BY)
    release(Hold.objects.get())
    order = rest(floor)

    execution.contain_breaches()

    assert states(order) == ["ACCEPTED"]


def test_a_sweep_that_died_before_it_cancelled_is_made_up_for(
    floor: Floor, guarded: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(floor.bot.scope, "position", "1")

    def killed(**_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as dying:
        dying.setattr(breaches.orders, "cancel", killed)
        execution.contain_breaches()
    before = states(guarded[0])
    execution.contain_breaches()

    assert (before, states(guarded[0])) == (["ACCEPTED"], ["PENDING_CANCEL"])
    assert Hold.objects.count() == 1


def test_one_order_that_cannot_be_cancelled_stops_no_other(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, cancel = rest(floor), rest(floor, "91"), execution.cancel
    risk.place_hold(scope=floor.bot.scope, level="REDUCING", source="limits", **BY)

    def refuse(*, order: Order, **terms: Any) -> Order:
        if order.pk == second.pk:
            raise Refused("STATE_CONFLICT", "not now")
        return cancel(order=order, **terms)

    monkeypatch.setattr(breaches.orders, "cancel", refuse)
    execution.contain_breaches()

    assert states(first, second) == ["PENDING_CANCEL", "ACCEPTED"]


def test_sweeping_again_asks_for_no_cancel_twice(floor: Floor, guarded: list[Order]) -> None:
    limit(floor.bot.scope, "position", "1")
    for _ in range(3):
        execution.contain_breaches()

    assert guarded[0].events.filter(state="PENDING_CANCEL").count() == 1


def test_what_does_not_fit_a_lowered_limit_is_cancelled_the_newest_first(floor: Floor) -> None:
    floor.hold_position("2")
    found = [rest(floor, price) for price in ("90", "91", "92")]
    execution.contain_breaches()
    before = states(*found)
    value = Decimal(100 * 2 + 5)  # what is held, at most
    limit(floor.bot.scope, "gross_exposure", str(value + 2 * 103))

    assert execution.contain_breaches() == 0

    assert before == ["ACCEPTED"] * 3
    assert states(*found) == ["ACCEPTED", "PENDING_CANCEL", "PENDING_CANCEL"]
    assert (held(), alerted()) == ([], [])
    assert told() == [("high", "bot", "gross_exposure", 0)]


def test_what_was_asked_for_counts_as_gone_and_people_are_told_once(floor: Floor) -> None:
    found = [rest(floor, price) for price in ("90", "91")]
    limit(floor.bot.scope, "gross_exposure", "250")
    for _ in range(3):
        execution.contain_breaches()
    during = states(*found)
    work_orders()
    floor.pass_time(1)
    execution.contain_breaches()

    assert (during, states(*found)) == (["ACCEPTED", "PENDING_CANCEL"], ["ACCEPTED", "CANCELED"])
    assert told() == [("high", "bot", "gross_exposure", 0)]
    assert Order.objects.filter(cancel_requested=True).count() == 1


def test_a_raise_that_reverts_takes_its_room_back(floor: Floor) -> None:
    order = rest(floor)
    with acting(**BY):
        ends = {"expires_at": wall_now() + timedelta(hours=1), "reverts_to": 100}
        Limit.objects.filter(scope=floor.bot.scope, kind="gross_exposure").update(**ends)
    execution.contain_breaches()
    during = states(order)
    floor.wall.advance(3600)
    execution.contain_breaches()

    assert (during, states(order)) == (["ACCEPTED"], ["PENDING_CANCEL"])


def test_the_bundles_own_limit_counts(floor: Floor) -> None:
    order = rest(floor)
    with acting(**BY):
        Deployment.objects.update(limits={"net_exposure": "150"})

    execution.contain_breaches()

    assert (states(order), told()) == (["PENDING_CANCEL"], [("high", "bot", "net_exposure", 0)])


def test_a_price_that_moves_takes_room_too(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    order = rest(floor)
    limit(floor.bot.scope, "gross_exposure", "420")
    sweep(floor, monkeypatch, "101")
    during = states(order)
    sweep(floor, monkeypatch, "120")

    assert (during, states(order), held()) == (["ACCEPTED"], ["PENDING_CANCEL"], [])


def test_what_closes_and_guards_takes_no_room(floor: Floor, guarded: list[Order]) -> None:
    limit(floor.bot.scope, "gross_exposure", "420")

    execution.contain_breaches()

    assert (states(*guarded), told()) == (["ACCEPTED"] * 3, [])


def test_of_a_net_only_the_side_that_passes_it_is_cancelled(floor: Floor) -> None:
    let_short()
    floor.hold_position("2")
    sale, buy = rest(floor, "108", side="SELL", quantity="3"), rest(floor)
    limit(floor.account.bucket.scope, "net_exposure", "250")

    execution.contain_breaches()

    assert (states(sale, buy), held()) == (["ACCEPTED", "PENDING_CANCEL"], [])
    assert told() == [("high", "bucket", "net_exposure", 0)]


def test_of_scopes_that_one_cancel_frees_the_smallest_is_named(floor: Floor) -> None:
    order = rest(floor)
    for scope in (floor.account.bucket.scope, floor.account.bucket.desk.scope, floor.bot.scope, floor.account.scope):
        limit(scope, "gross_exposure", "50")

    execution.contain_breaches()

    assert (states(order), told()) == (["PENDING_CANCEL"], [("high", "bot", "gross_exposure", 0)])


def test_what_desks_share_is_freed_of_openings_though_it_is_never_held(floor: Floor) -> None:
    floor.hold_position("2")
    order = rest(floor)
    limit(floor.account.venue.scope, "gross_exposure", "100")

    execution.contain_breaches()

    assert (held(), alerted(), told()) == ([], [("venue", "critical", "gross_exposure")], [])
    assert states(order) == ["PENDING_CANCEL"]


def test_paper_over_a_limit_cancels_no_real_money(floor: Floor) -> None:
    other = second_bot(floor)
    own, theirs = rest(floor), place_for(floor, other, quantity="1", order_type="LIMIT", limit_price="90")
    with acting(**BY):
        Account.objects.filter(pk=other.account_id).update(mode="live", environment="live")
    limit(floor.account.bucket.scope, "gross_exposure", "50")

    execution.contain_breaches()

    assert states(own, theirs) == ["PENDING_CANCEL", "INITIALIZED"]


def test_what_a_paused_bot_has_left_working_counts(floor: Floor) -> None:
    order = rest(floor)
    deployments.pause(deployment=floor.deployment, **BY)
    limit(floor.bot.scope, "gross_exposure", "50")

    execution.contain_breaches()

    assert states(order) == ["PENDING_CANCEL"]


def test_sweeps_at_once_cancel_once_and_tell_people_once(real_floor: Floor) -> None:
    found = [rest(real_floor, price) for price in ("90", "91")]
    limit(real_floor.bot.scope, "gross_exposure", "250")

    together(*[execution.contain_breaches] * 4)

    assert states(*found) == ["ACCEPTED", "PENDING_CANCEL"]
    assert Alert.objects.filter(code="OPENINGS_CANCELLED").count() == 1
    assert execution.rebuild_books() == {}
