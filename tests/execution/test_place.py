"""Placing an order: stored with its codes, reserved once, never twice under one id."""

from decimal import Decimal
from uuid import uuid4

import pytest

from apps.access import services as access
from apps.audit.context import acting
from apps.common.errors import Invalid, Refused, TooMany
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.services import orders
from apps.execution.states import OrderState
from apps.markets import services as markets
from apps.risk.models import Exposure, Limit, OrderRate
from tests.execution.builders import Floor
from tests.markets.builders import BY, make_instrument


def test_an_accepted_order_is_reserved_and_due(floor: Floor) -> None:
    order = floor.place(quantity="3")

    exposure = Exposure.objects.get()
    assert (order.state, order.codes, order.due_at) == (OrderState.INITIALIZED, [], floor.wall.now)
    assert (exposure.working_buy, exposure.working_sell, exposure.position) == (3, 0, 0)
    assert order.limits_snapshot["position"] == "10"
    assert order.build_id == floor.release.build_id
    assert [event.state for event in order.events.all()] == ["INITIALIZED"]


def test_a_denied_order_is_stored_with_every_code_and_reserves_nothing(floor: Floor) -> None:
    order = floor.place(quantity="11", order_type="LIMIT", limit_price="200")

    order.refresh_from_db()
    assert order.state == OrderState.DENIED
    assert set(order.codes) == {"QUANTITY_ABOVE_LIMIT", "POSITION_ABOVE_LIMIT", "PRICE_OUTSIDE_COLLAR"}
    assert (order.due_at, order.reserved_quantity) == (None, 0)
    assert Exposure.objects.get().working_buy == 0
    assert {denial["code"] for denial in order.events.get().detail["denials"]} == set(order.codes)


def test_a_second_order_counts_the_first_as_filled(floor: Floor) -> None:
    floor.place(quantity="10")

    denied = floor.place(quantity="1")

    assert denied.codes == ["POSITION_ABOVE_LIMIT"]
    assert Exposure.objects.get().working_buy == 10


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "Infinity"])
def test_a_quantity_that_is_no_number_above_zero_is_invalid_and_stores_nothing(floor: Floor, quantity: str) -> None:
    with pytest.raises(Invalid, match="above zero") as refused:
        floor.place(quantity=quantity)

    assert refused.value.code == "QUANTITY_NOT_POSITIVE"
    assert not Order.objects.exists()
    assert not Exposure.objects.exists()


@pytest.mark.parametrize("price", ["0", "-5", "NaN", "Infinity"])
def test_a_price_that_is_no_number_above_zero_is_invalid_and_stores_nothing(floor: Floor, price: str) -> None:
    with pytest.raises(Invalid) as refused:
        floor.place(order_type="LIMIT", limit_price=price, quantity="0.5")

    assert refused.value.code == "PRICE_NOT_POSITIVE"
    assert not Order.objects.exists()


def test_a_quantity_off_the_lot_is_denied(floor: Floor) -> None:
    assert floor.place(quantity="1.5").codes == ["QUANTITY_STEP"]
    assert Exposure.objects.get().working_buy == 0


def test_an_instrument_that_the_bot_does_not_trade_is_denied(floor: Floor) -> None:
    other = make_instrument("ETH-USD")

    denied = floor.place(instrument=other)

    assert "INSTRUMENT_NOT_ENTITLED" in denied.codes
    assert not Exposure.objects.exclude(working_buy=0).exists()


def test_the_same_client_order_id_again_is_the_first_order(floor: Floor) -> None:
    name = uuid4()

    first = floor.place(client_order_id=name)
    second = floor.place(client_order_id=name)

    assert second.pk == first.pk
    assert Exposure.objects.get().working_buy == 1
    assert OrderRate.objects.get().count == 1


def test_another_order_under_a_known_client_order_id_is_refused(floor: Floor) -> None:
    name = uuid4()
    floor.place(client_order_id=name)

    with pytest.raises(Refused) as refused:
        floor.place(client_order_id=name, quantity="5")

    assert refused.value.code == "CLIENT_ORDER_ID_TAKEN"
    assert Order.objects.count() == 1
    assert Exposure.objects.get().working_buy == 1


def test_a_bot_of_a_paused_deployment_places_nothing(floor: Floor) -> None:
    deployments.pause(deployment=floor.deployment, **BY)

    with pytest.raises(Refused) as refused:
        floor.place()

    assert refused.value.code == "DEPLOYMENT_NOT_RUNNING"
    assert not Order.objects.exists()


def test_no_limit_set_is_denied(floor: Floor) -> None:
    with acting(**BY):
        Limit.objects.filter(kind="position").delete()

    assert floor.place().codes == ["LIMIT_MISSING"]


def test_the_stricter_of_ledger_and_bundle_counts(floor: Floor) -> None:
    with acting(**BY):
        Deployment.objects.filter(pk=floor.deployment.pk).update(limits={"order_quantity": "1", "position": "1000"})
    floor.deployment.refresh_from_db()

    assert floor.place(quantity="2").codes == ["QUANTITY_ABOVE_LIMIT"]
    assert floor.place(quantity="1").limits_snapshot["position"] == "10"


def test_what_leaves_or_guards_only_reduces_though_nobody_said_so(floor: Floor) -> None:
    floor.hold_position("3")

    leaving = floor.place(side="SELL", quantity="1", purpose="EXIT")
    guarding = floor.place(side="SELL", quantity="1", purpose="PROTECTIVE", order_type="STOP", stop_price="97")

    assert (leaving.codes, leaving.is_reduce_only) == ([], True)
    assert (guarding.codes, guarding.is_reduce_only) == ([], True)


def test_a_stale_price_is_denied(floor: Floor) -> None:
    markets.stall_feed(feed=floor.feed, **BY)
    floor.wall.advance(4)

    assert floor.place().codes == ["PRICE_STALE"]
    assert Exposure.objects.get().working_buy == 0


def test_a_decision_taken_on_bars_long_past_is_denied(floor: Floor) -> None:
    first_bar_ms = 1_704_067_200_000 + 3_600_000
    floor.pass_time(5)

    assert floor.place(decided_ms=first_bar_ms).codes == ["DECISION_STALE"]


def test_a_bot_that_keeps_knocking_leaves_the_rate_of_its_exits_alone(floor: Floor) -> None:
    floor.hold_position("1")
    with acting(**BY):
        Limit.objects.filter(kind="orders_per_minute").update(value=Decimal(2))
    floor.place(quantity="1")

    denied = [floor.place(quantity="1").codes for _ in range(6)]
    leaving = floor.place(side="SELL", quantity="1", purpose="EXIT", is_reduce_only=True)

    assert denied == [["RATE_ABOVE_LIMIT"]] * 6
    assert leaving.codes == []


def test_what_the_rate_refuses_is_kept_up_to_a_number_a_minute(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "DENIED_KEPT", 3)
    machine = access.make_service_account(username="alpha-machine", display_name="Alpha", **BY)
    with acting(**BY):
        Limit.objects.filter(kind="orders_per_minute").update(value=Decimal(2))

    def knock() -> Order:
        return execution.place(ticket=floor.ticket(quantity=Decimal(1)), actor=machine, reason="again")

    for _ in range(5):
        knock()
    kept = Order.objects.count()

    with pytest.raises(TooMany) as refused:
        knock()

    assert (refused.value.code, Order.objects.count()) == ("RATE_ABOVE_LIMIT", kept)
    assert floor.place(quantity="1").codes == ["RATE_ABOVE_LIMIT"]  # the platform's own are kept
