"""What must never reach a venue: each way in which an order is not fit to be sent, and no call on the line.

Some are refused before there is an order, some at the check, some at the permit. What they have in common is
looked at here: the line carried no submit, the venue has no order, and nothing stays reserved.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.audit.context import acting
from apps.common.errors import DomainError
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Cycle, Order
from apps.execution.states import TERMINAL
from apps.promotions import services as promotions
from apps.risk import services as risk
from apps.risk.models import Exposure, Limit, ScopeBook
from apps.risk.states import LimitKind
from apps.venues.models import Account, Venue
from apps.venues.paper.models import PaperOrder
from tests import builders
from tests.builders import Team, make_team, open_folders
from tests.execution.builders import Floor, make_release, redeploy, work_orders
from tests.execution.test_gateway import place_for, second_bot
from tests.markets.builders import BY

Change = Callable[[Floor], Any]


def assert_never_sent(floor: Floor) -> None:
    """Nothing went over the line, the venue knows of nothing, and all limits are whole."""
    assert [call for call in floor.line.calls if call in ("submit", "replace")] == []
    assert not PaperOrder.objects.exists()
    assert not Order.objects.exclude(state__in=TERMINAL).exists()
    assert set(Exposure.objects.values_list("working_buy", "working_sell")) <= {(0, 0)}
    assert set(ScopeBook.objects.values_list("buying", "selling", "open_orders")) <= {(0, 0, 0)}


def told(**fields: Any) -> Change:
    """The deployment says something else than what was approved, behind the services' back."""

    def change(_: Floor) -> None:
        with acting(**BY):
            Deployment.objects.update(**fields)

    return change


def other_build(floor: Floor) -> None:
    """A release that nobody has approved is put under the deployment."""
    told(release=make_release(floor.bot, floor.feed))(floor)


def paused(floor: Floor) -> None:
    """A person has paused the bot."""
    deployments.pause(deployment=floor.deployment, **BY)


def paused_and_resumed(floor: Floor) -> None:
    """The bot runs again, in another epoch."""
    paused(floor)
    deployments.resume(deployment=floor.deployment, **BY)


BEFORE: dict[str, tuple[Change, str]] = {
    "paused": (paused, "DEPLOYMENT_NOT_RUNNING"),
    "stopped": (lambda floor: deployments.stop(deployment=floor.deployment, **BY), "DEPLOYMENT_NOT_RUNNING"),
    "the deployment's mode": (told(mode="live", environment="live"), "MODE_MISMATCH"),
    "a bot that runs elsewhere, without a session": (
        lambda floor: redeploy(floor, runs="attached"),
        "SESSION_REQUIRED",
    ),
}


@pytest.mark.parametrize("case", BEFORE)
def test_what_is_unfit_before_the_check_is_never_sent(floor: Floor, case: str) -> None:
    change, code = BEFORE[case]
    change(floor)

    said = asked(floor)
    work_orders()

    assert code in said
    assert_never_sent(floor)


def asked(floor: Floor, **terms: Any) -> list[str]:
    """Why an order was refused, or denied."""
    try:
        return list(floor.place(**terms).codes)
    except DomainError as error:
        return [error.code]


@pytest.mark.parametrize("kind", LimitKind.values)
def test_without_one_of_the_limits_nothing_is_sent(floor: Floor, kind: str) -> None:
    with acting(**BY):
        Limit.objects.filter(kind=kind).delete()

    said = asked(floor)
    work_orders()

    assert said == ["LIMIT_MISSING"]
    assert_never_sent(floor)


AFTER: dict[str, tuple[Change, str]] = {
    "another build": (other_build, "BUILD_MISMATCH"),
    "the next release went live": (redeploy, "EPOCH_FENCED"),
    "paused": (paused, "EPOCH_FENCED"),
    "paused and resumed": (paused_and_resumed, "EPOCH_FENCED"),
    "stopped": (told(desired="stopped"), "EPOCH_FENCED"),
}


@pytest.mark.parametrize("case", AFTER)
def test_what_became_unfit_after_the_check_is_never_sent(floor: Floor, case: str) -> None:
    order = floor.place()
    change, code = AFTER[case]
    change(floor)

    work_orders()

    order.refresh_from_db()
    assert (order.state, order.codes, order.send_before) == ("DENIED", [code], None)
    assert_never_sent(floor)


def test_an_order_is_not_sent_where_account_and_venue_disagree_about_real_money(
    real_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between check and permit the account turned live: the venue's own door is shut, too."""
    real_floor.place()
    with acting(**BY):
        Account.objects.update(mode="live", environment="live")

    try:
        work_orders()
    except DomainError as error:
        assert "MODE" in error.code  # noqa: PT017 - a worker logs it and goes on

    assert "submit" not in real_floor.line.calls
    assert not PaperOrder.objects.exists()
    assert Venue.objects.get().mode == "paper"


def test_orders_of_two_builds_on_one_node_are_told_apart(floor: Floor) -> None:
    """The worker takes a batch of both: the old build's order is fenced, the new one's goes out."""
    old = floor.place(order_type="LIMIT", limit_price="99")
    redeploy(floor)
    new = floor.place(order_type="LIMIT", limit_price="98")

    work_orders()

    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.state, old.codes, new.state) == ("DENIED", ["EPOCH_FENCED"], "ACCEPTED")
    assert old.build_id != new.build_id == new.deployment.release.build_id
    assert list(PaperOrder.objects.values_list("client_order_id", flat=True)) == [new.client_order_id.hex]


def test_a_session_of_another_build_sends_nothing(floor: Floor) -> None:
    release = redeploy(floor, runs="attached")
    with acting(**BY):
        machine = User.objects.create(username="machine", display_name="Machine", kind="service")
    fields: dict[str, Any] = {"deployment": floor.ticket().deployment, "heartbeat_s": 10}
    session = execution.open_session(**fields, build_id=release.build_id, actor=machine, reason="starts")
    redeploy(floor, runs="attached")

    assert asked(floor, session=session) == ["EPOCH_FENCED"]
    with pytest.raises(DomainError, match="not the build"):
        execution.open_session(**fields, build_id="f" * 64, actor=machine, reason="another build")
    assert_never_sent(floor)


def test_whoever_asks_for_a_higher_limit_cannot_grant_it_and_nothing_more_is_sent(floor: Floor) -> None:
    desk = floor.account.bucket.desk.scope
    access.grant_role(user=floor.trader, role="risk owner", scope=desk, **BY)
    person = User.objects.get(pk=floor.trader.pk)
    asked_for = risk.request_raise(
        scope=floor.bot.scope, kind="order_quantity", value=Decimal(100), actor=person, reason="more"
    )
    assert asked_for.consent is not None
    with pytest.raises(DomainError) as refusal:
        risk.vote_raise(
            limit_raise=asked_for, actor=person, approve=True, reason="mine", digest=asked_for.consent.digest
        )

    assert refusal.value.code == "VOTE_EXCLUDED"
    assert asked(floor, quantity="11") == ["QUANTITY_ABOVE_LIMIT", "POSITION_ABOVE_LIMIT"]
    work_orders()
    assert_never_sent(floor)


@pytest.fixture
def team(db: None, tmp_path: Path, settings: Any) -> Team:
    """A desk whose engineer asks for promotions to paper; a trader and a risk owner have to agree."""
    open_folders(tmp_path, settings)
    found = make_team()
    builders.set_policy()
    return found


@pytest.mark.parametrize("who", ["requester", "somebody who read another build"])
def test_a_promotion_that_nobody_else_has_approved_runs_nothing(team: Team, who: str) -> None:
    promotion = builders.voting(team, actor=team.trader)
    is_own = who == "requester"
    voter, terms = (team.trader, {}) if is_own else (team.risk_owner, {"digest": "0" * 64})

    with builders.refused("VOTE_EXCLUDED" if is_own else "DIGEST_CHANGED"):
        builders.vote(promotion, voter, **terms)
    promotions.settle(builders.fresh(promotion))
    execution.open_missing_cycles()

    assert builders.fresh(promotion).state == "voting"
    assert not Deployment.objects.exists()
    assert not Cycle.objects.exists()
    assert not PaperOrder.objects.exists()


@pytest.mark.parametrize("moved", ["96", "103"])
def test_an_order_that_would_meet_the_new_terms_of_another_bots_order_is_never_sent(floor: Floor, moved: str) -> None:
    """Until the venue has answered either terms may hold there."""
    resting = place_for(floor, second_bot(floor), order_type="LIMIT", limit_price="98")
    work_orders()
    execution.replace(order=resting, limit_price=Decimal(moved), **BY)

    said = asked(floor, side="SELL", order_type="LIMIT", limit_price=moved if moved == "103" else "98")

    assert said == ["SELF_TRADE"]
    assert floor.line.calls.count("submit") == 1
