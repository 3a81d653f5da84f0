"""Real connections against each other: one id, the change of keys, and the stop."""

import threading
from collections import Counter

import pytest
from django.db import IntegrityError

from apps.audit.context import acting
from apps.execution.models import Order
from apps.execution.signals import services as signals
from apps.execution.signals.models import Signal
from tests.execution.builders import together
from tests.markets.builders import BY
from tests.signals.builders import LONG, Desk, activate, code_of, make_source, message, receive

RACERS, EACH = 10, 10


def test_a_hundred_deliveries_of_one_message_are_one_order(real_desk: Desk) -> None:
    source = make_source(real_desk)
    delivery = message(activate(real_desk, source))

    def deliver() -> list[tuple[str, str]]:
        return [(str(found.pk), str(found.order_id)) for found in (receive(source, delivery) for _ in range(EACH))]

    answers = [answer for found in together(*[deliver] * RACERS) for answer in found]

    assert (len(answers), len(set(answers))) == (100, 1)
    assert (Signal.objects.count(), Order.objects.count()) == (1, 1)


def test_the_database_keeps_ids_unique_even_without_the_lock(real_desk: Desk) -> None:
    source = make_source(real_desk)
    found = receive(source, message(activate(real_desk, source)))

    found.pk = None
    with pytest.raises(IntegrityError, match="signal_taken_once"), acting(**BY):
        Signal.objects.create(
            source=source, webhook_id=found.webhook_id, body_digest="0" * 64, outcome="REFUSED", codes=[]
        )


def test_no_valid_message_is_lost_while_keys_change(real_desk: Desk) -> None:
    """The sender changes over at once; its deliveries run against every step of the change."""
    source = make_source(real_desk)
    sending, done = [activate(real_desk, source)], threading.Event()
    lost: Counter[str] = Counter()

    def deliver(name: str) -> int:
        number = 0
        while not done.is_set() and number < 60:
            key, number = sending[-1], number + 1
            body = LONG | {"price": f"{number}"}
            code = code_of(lambda: receive(source, message(key, body, identity=f"{name}-{number}")))  # noqa: B023
            if code and key == sending[-1]:
                lost[code] += 1
        return number

    def change() -> None:
        try:
            for _ in range(4):
                sending.append(signals.rotate_keys(source=source, **BY))
                signals.finish_rotation(source=source, **BY)
        finally:
            done.set()

    sent = together(lambda: deliver("a"), lambda: deliver("b"), change)

    assert lost == {}
    assert sum(sent[:2]) > 0


def test_after_the_stop_no_message_becomes_an_order(real_desk: Desk) -> None:
    source = make_source(real_desk)
    key, counted = activate(real_desk, source), []

    def deliver(name: str) -> list[str]:
        calls = (message(key, LONG | {"price": f"{90 + n}"}, identity=f"{name}-{n}") for n in range(10))
        return [code_of(lambda call=call: receive(source, call)) for call in calls]

    def stop() -> None:
        signals.deactivate(source=source, actor=real_desk.risk_owner, reason="enough")
        counted.append(Order.objects.count())

    told = together(lambda: deliver("a"), lambda: deliver("b"), stop)

    assert counted == [Order.objects.count()]
    assert set(told[0] + told[1]) <= {"", "SIGNAL_INACTIVE"}
    assert Signal.objects.count() == (told[0] + told[1]).count("")
