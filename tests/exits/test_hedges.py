"""Legs of a hedge go down together; several positions below one scope."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.audit.context import acting
from apps.common.errors import Invalid
from apps.deployments import services as deployments
from apps.execution.exits import services as exits
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.exits.services import looks
from apps.markets import services as markets
from apps.risk.models import Limit
from apps.venues import services as venues
from apps.venues.adapters.base import VenueRejected
from apps.venues.models import Account
from apps.venues.paper import services as paper
from tests.execution.builders import CLOSES, Floor, make_bot, make_promotion, make_release, work_orders
from tests.exits.builders import SLOWLY, held, turn, until_ended
from tests.markets.builders import BY, make_feed
from tests.venues.builders import make_account


@pytest.fixture
def other(floor: Floor, folder: Path) -> Floor:
    """A second bot on an account and an instrument of its own, in the same bucket; ten times as liquid."""
    paper.open_account(name="beta-paper", currency="USD", opening_cash="100000")
    feed = make_feed(folder, CLOSES, symbol="ETH-USD", hours_in=1, volume="10000")
    paper.list_market(feed=feed, simulation={})
    with acting(**BY):
        account = make_account(name="beta-paper", opening_cash="100000", bucket=floor.account.bucket)
        bot = make_bot(account, "beta-hedge")
        for limit in Limit.objects.filter(scope=floor.bot.scope):
            Limit.objects.create(scope=bot.scope, kind=limit.kind, value=limit.value, set_by="job:tests")
        release = make_release(bot, feed)
        promotion = make_promotion(release, account)
        deployment = deployments.start(promotion=promotion, **BY)
    return replace(
        floor, feed=feed, bot=bot, account=account, release=release, promotion=promotion, deployment=deployment
    )


def start(floor: Floor, other: Floor, *, together: bool = True, **overrides: Any) -> ExitPlan:
    """The trader leaves the whole bucket; both legs are one hedge unless told otherwise."""
    groups = [[floor.deployment.pk, other.deployment.pk]] if together else []
    fields = {"scope": floor.account.bucket.scope, "actor": floor.trader, "reason": "out", "terms": SLOWLY}
    return exits.start(**(fields | {"hedge_groups": groups} | overrides))


def both(floor: Floor, other: Floor) -> tuple[Decimal, Decimal]:
    """What the venue holds of both."""
    return held(floor), held(other)


def test_the_slower_leg_sets_the_pace_of_its_hedge(floor: Floor, other: Floor) -> None:
    floor.hold_position("8")
    other.hold_position("4")
    plan = start(floor, other)

    seen = [both(floor, other)]
    for _ in range(6):
        turn(floor)
        seen.append(both(floor, other))

    # Two of eight and one of four a step, though the second could go at once.
    assert seen[:5] == [(8, 4), (6, 3), (4, 2), (2, 1), (0, 0)]
    plan.refresh_from_db()
    assert plan.state == "done"


def test_legs_that_are_no_hedge_do_not_wait_for_each_other(floor: Floor, other: Floor) -> None:
    floor.hold_position("8")
    other.hold_position("4")
    start(floor, other, together=False)

    turn(floor, 2)

    assert both(floor, other) == (4, 0)
    assert set(ExitLeg.objects.values_list("hedge_group", flat=True)) == {1, 2}


def test_a_leg_that_cannot_trade_keeps_its_hedge_where_it_is(floor: Floor, other: Floor) -> None:
    floor.hold_position("8")
    other.hold_position("4")
    markets.set_market_state(instrument=other.instrument, state="halted", source="test", **BY)
    plan = start(floor, other)

    turn(floor, 3)
    assert both(floor, other) == (8, 4)

    markets.set_market_state(instrument=other.instrument, state="trading", source="test", **BY)
    assert until_ended(floor, plan).state == "done"
    assert both(floor, other) == (0, 0)


def test_a_leg_whose_venue_is_silent_keeps_its_hedge_where_it_is(
    floor: Floor, other: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.hold_position("8")
    other.hold_position("4")
    start(floor, other)
    answered = looks._holdings

    def silent(account: Account) -> dict[str, Decimal] | None:
        return None if account == other.account else answered(account)

    monkeypatch.setattr(looks, "_holdings", silent)
    turn(floor, 3)

    assert both(floor, other) == (8, 4)


def test_a_leg_that_is_rejected_blocks_its_hedge_and_no_other(
    floor: Floor, other: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.hold_position("8")
    other.hold_position("4")
    plan = start(floor, other, together=False)
    send = venues.adapter_for

    def refusing(account: Account) -> Any:
        return Refusing(send(account)) if account == other.account else send(account)

    monkeypatch.setattr(venues, "adapter_for", refusing)
    plan = until_ended(floor, plan)

    assert (plan.state, both(floor, other)) == ("blocked", (0, 4))
    assert dict(plan.legs.values_list("instrument__symbol", "state")) == {"BTC-USD": "done", "ETH-USD": "blocked"}


def test_one_side_of_a_hedge_does_not_go_on_when_the_other_is_blocked(
    floor: Floor, other: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.hold_position("8")
    other.hold_position("4")
    send = venues.adapter_for

    def refusing(account: Account) -> Any:
        return Refusing(send(account)) if account == other.account else send(account)

    monkeypatch.setattr(venues, "adapter_for", refusing)
    plan = until_ended(floor, start(floor, other))

    # The other leg is one slice ahead, no more.
    assert (plan.state, both(floor, other)) == ("blocked", (6, 4))
    assert set(plan.legs.values_list("state", flat=True)) == {"blocked"}


class Refusing:
    """A venue that takes no order."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def submit(self, request: object) -> None:
        """No."""
        raise VenueRejected("ACCOUNT_FROZEN")


GROUPS = [("twice", "HEDGE_GROUP_TWICE"), ("unknown", "HEDGE_GROUP_UNKNOWN")]


@pytest.mark.parametrize(("kind", "code"), GROUPS)
def test_hedge_groups_that_make_no_sense_are_refused(floor: Floor, other: Floor, kind: str, code: str) -> None:
    pk = floor.deployment.pk
    groups = [[pk], [pk]] if kind == "twice" else [[pk, floor.bot.pk]]

    with pytest.raises(Invalid) as refused:
        start(floor, other, hedge_groups=groups)

    assert (refused.value.code, ExitPlan.objects.count()) == (code, 0)


def test_a_stopped_deployment_that_still_holds_is_a_leg_and_one_that_is_flat_is_none(
    floor: Floor, other: Floor
) -> None:
    floor.hold_position("2")
    for deployment in (floor.deployment, other.deployment):
        with acting(**BY):
            type(deployment).objects.filter(pk=deployment.pk).update(desired="stopped")
    work_orders()

    plan = until_ended(floor, start(floor, other, together=False))

    assert (plan.state, plan.legs.get().account, held(floor)) == ("done", floor.account, 0)
