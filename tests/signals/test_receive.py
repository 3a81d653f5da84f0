"""From a verified message to one order, and what stands in between."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import RoleGrant
from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.deployments import services as deployments
from apps.execution.models import Order, OrderEvent
from apps.execution.signals.models import Signal, SignalRate, SignalSource
from apps.execution.signals.rules.verification import new_key
from apps.risk import services as risk
from tests.builders import fresh
from tests.markets.builders import BY, Wall
from tests.signals.builders import (
    HOME,
    LONG,
    MAPPING,
    Desk,
    activate,
    code_of,
    count,
    make_source,
    message,
    receive,
    signals,
)


def test_a_message_becomes_one_order_of_the_machine(desk: Desk, source: SignalSource, key: str) -> None:
    found = receive(source, message(key))

    order = Order.objects.get()
    assert (found.outcome, found.codes, found.order_id) == ("PLACED", [], order.pk)
    assert (order.side, order.quantity, order.limit_price) == ("BUY", Decimal(1), Decimal(100))
    assert (order.order_type, order.time_in_force, order.purpose) == ("LIMIT", "GTC", "OPENING")
    assert (order.deployment_id, order.by_person) == (desk.floor.deployment.pk, False)
    assert order.placed_by == f"service:{desk.machine.pk}"
    assert OrderEvent.objects.get(order=order).reason == "signal msg-1 of momentum"
    assert found.body == LONG


def test_a_message_may_ask_for_extended_hours(desk: Desk) -> None:
    source = make_source(desk, mapping=MAPPING | {"extended_hours": {"value": "true"}})

    found = receive(source, message(activate(desk, source)))

    assert Order.objects.get().is_extended_hours
    assert "EXTENDED_HOURS_NOT_ENTITLED" in found.codes


def test_the_same_message_again_gets_the_same_answer_and_no_order(source: SignalSource, key: str, wall: Wall) -> None:
    first = receive(source, message(key))
    wall.advance(100)

    again = receive(source, message(key))

    assert (again.pk, again.outcome, again.order_id) == (first.pk, first.outcome, first.order_id)
    assert count() == (1, 1)


def test_the_same_id_with_another_body_is_refused(source: SignalSource, key: str) -> None:
    receive(source, message(key))

    assert code_of(lambda: receive(source, message(key, LONG | {"size": "2"}))) == "SIGNAL_REPLAYED"
    assert count() == (1, 1)


def test_another_id_is_another_order(source: SignalSource, key: str) -> None:
    receive(source, message(key, identity="msg-1"))
    receive(source, message(key, LONG | {"price": "99"}, identity="msg-2"))

    assert count() == (2, 2)


def test_ids_of_two_sources_are_apart(desk: Desk, source: SignalSource, key: str) -> None:
    second = make_source(desk, name="second")
    other = activate(desk, second)

    receive(source, message(key))
    receive(second, message(other, LONG | {"price": "99"}))

    assert count() == (2, 2)


def test_a_denied_order_is_told_once_and_for_all(desk: Desk, source: SignalSource, key: str) -> None:
    found = receive(source, message(key, LONG | {"size": "11"}))
    again = receive(source, message(key, LONG | {"size": "11"}))

    assert (found.outcome, again.pk) == ("DENIED", found.pk)
    assert "QUANTITY_ABOVE_LIMIT" in found.codes
    assert Order.objects.get().state == "DENIED"
    assert found.order_id == Order.objects.get().pk


def test_a_bot_that_runs_elsewhere_needs_no_session_for_its_signals(
    desk: Desk, source: SignalSource, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.execution.services.orders.is_attached", lambda _: True)

    assert code_of(desk.floor.place) == "SESSION_REQUIRED"
    assert receive(source, message(key)).outcome == "PLACED"


def test_a_hold_denies_what_a_message_asks_for(desk: Desk, source: SignalSource, key: str) -> None:
    risk.place_hold(scope=desk.floor.bot.scope, level="HALTED", **BY)

    assert "HOLD_HALTED" in receive(source, message(key)).codes


def test_a_paused_deployment_refuses_and_orders_nothing(desk: Desk, source: SignalSource, key: str) -> None:
    deployments.pause(deployment=desk.floor.deployment, **BY)

    found = receive(source, message(key))

    assert (found.outcome, found.codes, found.order_id) == ("REFUSED", ["DEPLOYMENT_NOT_RUNNING"], None)
    assert not Order.objects.exists()


@pytest.mark.parametrize("loss", ["grant", "account"])
def test_a_machine_that_lost_its_right_orders_nothing(desk: Desk, source: SignalSource, key: str, loss: str) -> None:
    if loss == "grant":
        access.revoke_role(grant=RoleGrant.objects.get(user=desk.machine), **BY)
    else:
        access.deactivate(user=desk.machine, **BY)

    found = receive(source, message(key))

    assert (found.outcome, found.codes) == ("REFUSED", ["SENDER_MAY_NOT_TRADE"])
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (b"{", "SIGNAL_SCHEMA", {}),
        (b"[]", "SIGNAL_SCHEMA", {"at": "$"}),
        (LONG | {"extra": 1}, "SIGNAL_SCHEMA", {"at": "$"}),
        (LONG | {"size": None}, "SIGNAL_SCHEMA", {"at": "$.size"}),
        (LONG | {"action": "hold"}, "SIGNAL_MAPPING", {"field": "side"}),
        (LONG | {"size": "1e1"}, "SIGNAL_MAPPING", {"field": "quantity"}),
        (LONG | {"symbol": "ETH-USD"}, "SIGNAL_MAPPING", {"field": "symbol"}),
    ],
)
def test_a_body_that_is_no_order_is_kept_and_orders_nothing(
    source: SignalSource, key: str, body: Any, code: str, detail: dict[str, str]
) -> None:
    found = receive(source, message(key, body))

    assert (found.outcome, found.codes, found.detail) == ("MALFORMED", [code], detail)
    assert receive(source, message(key, body)).pk == found.pk
    assert count() == (1, 0)


def test_the_deployments_own_symbol_passes(source: SignalSource, key: str) -> None:
    assert receive(source, message(key, LONG | {"symbol": "BTC-USD"})).outcome == "PLACED"


def test_numbers_arrive_exactly(source: SignalSource, key: str) -> None:
    receive(source, message(key, b'{"action": "long", "size": 1, "price": 100.10}'))

    assert Order.objects.get().limit_price == Decimal("100.10")
    assert Signal.objects.get().body == {"action": "long", "size": 1, "price": "100.10"}


def test_an_unknown_source_a_wrong_key_and_a_wrong_address_look_the_same(desk: Desk, source: SignalSource) -> None:
    guarded = make_source(desk, name="guarded", allow_list=["198.51.100.0/24"])
    key = activate(desk, guarded)
    calls = {"nobody": message(key), "momentum": message(new_key()), "guarded": message(key)}

    told = {name: error_of(name, delivery) for name, delivery in calls.items()}

    assert set(told.values()) == {("SIGNAL_SIGNATURE", told["nobody"][1], 401, "{}")}
    assert count() == (0, 0)


def error_of(name: str, delivery: signals.Delivery) -> tuple[str, str, int, str]:
    """Everything that the caller is told."""
    try:
        receive(name, delivery)
    except Exception as error:
        return error.code, str(error), error.status, str(error.context)  # type: ignore[attr-defined]
    raise AssertionError("it was taken")


def test_an_allow_list_lets_its_own_in(desk: Desk) -> None:
    guarded = make_source(desk, name="guarded", allow_list=[f"{HOME}/32"])

    assert receive(guarded, message(activate(desk, guarded))).outcome == "PLACED"


def test_an_inactive_source_takes_nothing(source: SignalSource) -> None:
    key = signals.make_keys(source=source, **BY)

    assert code_of(lambda: receive(source, message(key))) == "SIGNAL_INACTIVE"
    assert count() == (0, 0)


def test_a_source_has_so_many_messages_a_minute(desk: Desk, wall: Wall) -> None:
    slow = make_source(desk, messages_per_minute=2)
    key = activate(desk, slow)
    for number in (1, 2):
        receive(slow, message(key, identity=f"msg-{number}"))
    kept = count()

    assert code_of(lambda: receive(slow, message(key, identity="msg-3"))) == "SIGNAL_RATE"
    assert count() == kept
    assert receive(slow, message(key, identity="msg-2")).webhook_id == "msg-2"
    wall.advance(60)
    assert receive(slow, message(key, identity="msg-3")).outcome != "REFUSED"


def test_strangers_do_not_use_up_a_sources_minute(source: SignalSource, key: str) -> None:
    for number in range(5):
        assert code_of(lambda: receive(source, message(new_key(), identity=f"x-{number}"))) == "SIGNAL_SIGNATURE"  # noqa: B023

    assert SignalRate.objects.get().count == 0


def test_messages_are_forgotten_by_age_and_orders_are_not(source: SignalSource, key: str, wall: Wall) -> None:
    receive(source, message(key))
    with acting(**BY):
        Signal.objects.update(received_at=wall_now() - timedelta(days=89, hours=23))
    wall.advance(60)
    receive(source, message(key, LONG | {"action": "hold"}, identity="msg-2"))
    assert Signal.objects.filter(webhook_id="msg-1").exists()

    wall.advance(3 * 3600)
    receive(source, message(key, LONG | {"action": "hold"}, identity="msg-3"))

    assert not Signal.objects.filter(webhook_id="msg-1").exists()
    assert Order.objects.count() == 1


def test_a_forgotten_message_is_still_the_same_order(source: SignalSource, key: str) -> None:
    first = receive(source, message(key))
    with acting(**BY):
        Signal.objects.all().delete()

    again = receive(source, message(key))

    assert again.order_id == first.order_id
    assert Order.objects.count() == 1


def test_unusable_keys_of_an_active_source_raise_one_alert(source: SignalSource, key: str, keys_root: Any) -> None:
    (keys_root / "momentum.json").chmod(0o644)

    for _ in range(3):
        assert code_of(lambda: receive(source, message(key))) == "SIGNAL_SIGNATURE"

    alert = Alert.objects.get(code="KEYS_EXPOSED")
    assert (alert.object_id, alert.repeats) == (source.pk, Alert(title="new").repeats)
    assert count() == (0, 0)


def test_nothing_is_kept_when_the_order_could_not_be_stored(
    source: SignalSource, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the process died here")

    monkeypatch.setattr("apps.execution.services.place", fail)
    with pytest.raises(RuntimeError):
        receive(source, message(key))
    monkeypatch.undo()

    assert count() == (0, 0)
    assert fresh(source).is_active
