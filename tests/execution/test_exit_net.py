"""Bots that hold the opposite of each other: the exit of one may not grow what their account or bucket holds."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order, Position
from apps.execution.services import orders
from apps.markets.models import ReferencePrice
from apps.risk.models import ScopeBook
from apps.venues.models import Account
from tests.execution.builders import Floor, let_short, work_orders
from tests.execution.test_gateway import place_for, second_bot
from tests.markets.builders import BY, make_instrument

DENIED = ["EXIT_GROWS_NET"]
RESTING = {"order_type": "LIMIT", "limit_price": "105"}


def trade(floor: Floor, deployment: Deployment, units: int) -> None:
    """The bot buys, or with a negative number sells, units and the venue fills them."""
    place_for(floor, deployment, side="BUY" if units > 0 else "SELL", quantity=str(abs(units)))
    settle(floor, deployment)


def settle(floor: Floor, deployment: Deployment) -> None:
    """Everything that works is sent, filled and booked."""
    work_orders()
    floor.pass_time(2)
    execution.sync_account(deployment.account)


def leave(floor: Floor, quantity: str, **overrides: Any) -> Order:
    """The floor's bot sells some of what it holds."""
    return floor.place(**{"side": "SELL", "quantity": quantity, "purpose": "EXIT"} | overrides)


@pytest.fixture
def other(floor: Floor) -> Deployment:
    """The floor's bot holds ten; another one of its bucket, on an account of its own, has sold nine of the same."""
    let_short()
    deployment = second_bot(floor)
    trade(floor, floor.deployment, 10)
    trade(floor, deployment, -9)
    return deployment


def told() -> list[tuple[str, str, str]]:
    """What people were told of exits that are kept back and is not resolved: tier, scope and how often again."""
    found = Alert.objects.filter(code="EXIT_HEDGED").exclude(state="resolved")
    return list(found.values_list("tier", "scope__name", "repeats"))


@pytest.mark.usefixtures("other")
def test_one_leg_of_a_hedge_is_no_exit(floor: Floor) -> None:
    denied = leave(floor, "10")

    assert (denied.state, denied.codes) == ("DENIED", DENIED)
    assert denied.events.get().detail["denials"] == [
        {"code": "EXIT_GROWS_NET", "scope": "bucket alpha", "held": "1", "net": "-9"}
    ]
    assert ScopeBook.objects.get(scope=floor.bot.scope).open_orders == 0


@pytest.mark.usefixtures("other")
def test_as_far_from_flat_on_the_other_side_is_no_growth(floor: Floor) -> None:
    assert leave(floor, "2").codes == []


def test_who_holds_against_the_net_leaves_freely(floor: Floor, other: Deployment) -> None:
    trade(floor, floor.deployment, -5)

    assert place_for(floor, other, side="BUY", quantity="8", purpose="EXIT").codes == []


@pytest.mark.usefixtures("other")
def test_exits_that_work_already_count_as_filled(floor: Floor) -> None:
    said = [leave(floor, "1", **RESTING).codes for _ in range(10)]

    assert said == [[], [], *[DENIED] * 8]


@pytest.mark.usefixtures("other")
def test_an_exit_in_doubt_counts_as_filled(floor: Floor) -> None:
    floor.line.lose_reply.add("submit")
    first = leave(floor, "2", **RESTING)
    work_orders()

    first.refresh_from_db()
    assert (first.state, leave(floor, "1", **RESTING).codes) == ("UNKNOWN", DENIED)


@pytest.mark.usefixtures("other")
def test_what_the_venue_filled_of_an_ended_exit_counts_before_it_is_booked(floor: Floor) -> None:
    first = leave(floor, "2", **RESTING)
    execution.cancel(order=first, **BY)
    before = leave(floor, "2", **RESTING)
    execution.cancel(order=before, **BY)
    Order.objects.filter(pk=first.pk).update(reserved_quantity=1)

    assert (before.codes, leave(floor, "2", **RESTING).codes) == ([], DENIED)


def test_exits_of_another_bot_on_the_same_side_count(floor: Floor, other: Deployment) -> None:
    third = second_bot(floor, "gamma-trend")
    trade(floor, third, 4)
    trade(floor, other, -1)

    assert place_for(floor, third, side="SELL", quantity="4", purpose="EXIT", **RESTING).codes == []
    assert (leave(floor, "5").codes, leave(floor, "4").codes) == (DENIED, [])


def test_who_holds_another_instrument_keeps_nobody_in(floor: Floor, other: Deployment) -> None:
    """Two hedges in base currency that are none in units: each leaves, stop losses included."""
    euro = make_instrument("EUR-USD")
    Position.objects.filter(bot=other.bot).update(instrument=euro)
    ScopeBook.objects.filter(scope=floor.account.bucket.scope).update(gross=2_000, net=-1_000)

    assert leave(floor, "10").codes == []


def test_paper_and_real_money_hedge_nothing_of_each_other(floor: Floor, other: Deployment) -> None:
    with acting(**BY):
        Account.objects.filter(pk=other.account_id).update(mode="live", environment="live")

    assert leave(floor, "10").codes == []


def test_a_lone_bot_leaves_whatever_price_the_venue_has_stated(floor: Floor) -> None:
    floor.hold_position("2")
    moved = {"price": 250, "seen_at": wall_now() - timedelta(hours=1)}
    ReferencePrice.objects.update(**moved)

    ticket = floor.ticket(side="SELL", quantity="2", purpose="EXIT")

    assert execution.place(ticket=ticket, **BY).codes == []


def test_what_a_bot_holds_against_itself_on_another_account_is_its_own_affair(floor: Floor, other: Deployment) -> None:
    Position.objects.filter(bot=other.bot).update(bot=floor.bot)

    assert leave(floor, "10").codes == []


@pytest.mark.usefixtures("other")
def test_books_that_nobody_values_let_no_hedge_go(floor: Floor) -> None:
    ScopeBook.objects.update(marked_at=wall_now() - timedelta(seconds=61), gross=0, net=0)

    denied = execution.place(ticket=floor.ticket(side="SELL", quantity="10", purpose="EXIT"), **BY)

    assert denied.codes == DENIED


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("whose", ["by_person", "by_plan"])
def test_people_and_exit_plans_leave_one_leg_after_the_other(floor: Floor, whose: str) -> None:
    assert leave(floor, "10", **{whose: True}).codes == []


def test_new_terms_let_no_more_leave_than_the_old(floor: Floor, other: Deployment) -> None:
    order = leave(floor, "2", **RESTING)
    work_orders()
    trade(floor, other, -1)

    execution.replace(order=Order.objects.get(pk=order.pk), limit_price=Decimal("104.5"), **BY)

    order.refresh_from_db()
    assert order.state == "PENDING_REPLACE"


@pytest.mark.usefixtures("other")
def test_people_are_told_once_of_an_exit_that_a_hedge_keeps_back(floor: Floor) -> None:
    for _ in range(3):
        leave(floor, "10")
        execution.contain_breaches()

    assert told() == [("high", "alpha-trend", 2)]
    assert Alert.objects.get(code="EXIT_HEDGED").object_id == Order.objects.filter(state="DENIED").earliest("id").pk


@pytest.mark.usefixtures("other")
def test_the_alert_ends_when_an_exit_passes(floor: Floor) -> None:
    leave(floor, "10")
    leave(floor, "2", **RESTING)

    execution.contain_breaches()

    assert told() == []


@pytest.mark.usefixtures("other")
def test_the_alert_ends_when_the_bot_is_flat(floor: Floor) -> None:
    leave(floor, "10")
    Position.objects.filter(bot=floor.bot).update(quantity=0)

    execution.contain_breaches()

    assert told() == []


@pytest.mark.usefixtures("other")
def test_a_dry_run_tells_nobody(floor: Floor) -> None:
    floor.hear()

    judged = execution.preview(ticket=floor.ticket(side="SELL", quantity="10", purpose="EXIT"))

    assert (judged.codes, told()) == (DENIED, [])


def test_what_opens_asks_for_no_hedge(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(_: Any) -> Any:
        raise AssertionError("an opening order waited for what concerns exits")

    monkeypatch.setattr(orders.judging.stands, "hedges", asked)

    assert floor.place().codes == []
