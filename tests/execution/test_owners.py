"""Whose order it is, whose name it has, and whose account: what a machine may not take over."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden, Refused
from apps.deployments import services as deployments
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.services import judging
from apps.execution.services.cycles import client_order_id
from apps.execution.states import OrderState
from apps.markets import services as markets
from apps.markets.models import ReferencePrice
from tests.execution.attached import machine, opened
from tests.execution.builders import Floor, make_promotion, work_orders
from tests.markets.builders import BY
from tests.venues.builders import make_account


@pytest.fixture
def persons_exit(floor: Floor) -> Order:
    """A person's exit that rests at the venue."""
    floor.hold_position("2")
    order = floor.place(
        side="SELL", quantity="2", purpose="EXIT", order_type="LIMIT", limit_price="103", by_person=True
    )
    work_orders()
    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED
    return order


def test_a_machine_neither_moves_nor_cancels_a_persons_order(floor: Floor, persons_exit: Order) -> None:
    bot = machine(floor)
    for act in (
        lambda: execution.replace(order=persons_exit, limit_price=Decimal(900), actor=bot, reason="mine"),
        lambda: execution.cancel(order=persons_exit, actor=bot, reason="mine"),
    ):
        with pytest.raises(Forbidden) as refusal:
            act()
        assert refusal.value.code == "ORDER_OF_A_PERSON"

    persons_exit.refresh_from_db()
    assert (persons_exit.state, persons_exit.cancel_requested) == (OrderState.ACCEPTED, False)


def test_a_person_cancels_a_persons_order(floor: Floor, persons_exit: Order) -> None:
    assert execution.cancel(order=persons_exit, actor=floor.trader, reason="changed my mind").cancel_requested


def test_an_intents_name_is_of_a_version_that_no_caller_may_choose() -> None:
    names = [client_order_id(uuid.uuid4(), 1, 1, number) for number in range(100)]

    assert {name.version for name in names} == {8}
    assert len(set(names)) == 100


def test_a_bot_trades_on_one_account_at_a_time(floor: Floor) -> None:
    with acting(**BY):
        other = make_account(name="beta-paper", bucket=floor.account.bucket, opening_cash="100000")
        promotion = make_promotion(floor.release, other)

        with pytest.raises(Refused) as refusal:
            deployments.start(promotion=promotion, **BY)

    assert refusal.value.code == "BOT_RUNS_ELSEWHERE"


def test_another_venues_price_is_no_reference(floor: Floor) -> None:
    floor.hear()
    with acting(**BY):
        ReferencePrice.objects.update(seen_at=wall_now() - timedelta(seconds=60))
    markets.see_reference(instrument=floor.instrument, source="venue:elsewhere", price=Decimal(101), seen_at=wall_now())

    assert "REFERENCE_STALE" in execution.place(ticket=floor.ticket(), **BY).codes


def test_a_session_whose_heartbeat_is_late_sends_nothing_though_no_sweep_ran(attached: Floor) -> None:
    session = opened(attached)
    attached.wall.advance(10)
    session.refresh_from_db()
    attached.hear()

    with pytest.raises(Refused) as refusal:
        execution.place(ticket=attached.ticket(session=session), **BY)

    assert refusal.value.code == "SESSION_REQUIRED"
    assert not Order.objects.exists()


def test_a_parents_slices_count_what_a_replaced_one_has_filled(floor: Floor) -> None:
    order = floor.place(
        quantity="4", order_type="LIMIT", limit_price="90", parent_id=uuid.uuid4(), parent_quantity=Decimal(4)
    )
    work_orders()
    Order.objects.filter(pk=order.pk).update(filled_quantity=2, state=OrderState.PARTIALLY_FILLED)
    floor.hear()

    with pytest.raises(Refused) as refusal:
        execution.replace(order=order, quantity=Decimal(6), **BY)

    assert refusal.value.context["codes"] == ["PARENT_QUANTITY_EXCEEDED"]


def test_a_replace_that_overdraws_a_shared_sum_is_refused(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another bot took the room between the check and the books."""
    order = floor.place(quantity="2", order_type="LIMIT", limit_price="90")
    work_orders()
    floor.hear()
    judge = judging.judge

    def before_the_other(*args: object, **kwargs: object) -> judging.Judgement:
        judged = judge(*args, **kwargs)  # type: ignore[arg-type]
        bucket = floor.account.bucket.scope_id
        facts = judged.scopes[bucket]
        judged.scopes[bucket] = type(facts)(
            **{name: getattr(facts, name) for name in facts.__slots__} | {"limits": {"gross_exposure": Decimal(250)}}
        )
        return judged

    monkeypatch.setattr(judging, "judge", before_the_other)
    with pytest.raises(Refused) as refusal:
        execution.replace(order=order, quantity=Decimal(3), **BY)

    order.refresh_from_db()
    assert "GROSS_ABOVE_LIMIT" in refusal.value.context["codes"]
    assert order.state == OrderState.ACCEPTED
