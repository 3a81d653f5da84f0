"""Senders that cannot set headers: the secret, the time and the id are in the body."""

import json
from datetime import timedelta
from typing import Any

import pytest

from apps.audit.models import Record
from apps.common.clocks import wall_now
from apps.execution.models import Order, OrderEvent
from apps.execution.signals import services as signals
from apps.execution.signals.models import Signal, SignalSource
from apps.execution.signals.rules.verification import Headers
from tests.markets.builders import BY, Wall
from tests.signals.builders import (
    ENVELOPE,
    HOME,
    LONG,
    Desk,
    activate,
    code_of,
    count,
    make_weak_source,
    message,
    receive,
    weak_message,
)

OTHER = "whsec_" + "bm90IHRoZSBrZXkgb2YgdGhpcyBzb3VyY2UgYXQgYWxs"


def test_a_message_with_the_secret_becomes_an_order(weak: SignalSource, secret: str) -> None:
    found = receive(weak, weak_message(secret))

    assert (found.outcome, found.order_id) == ("PLACED", Order.objects.get().pk)


def test_the_secret_is_stored_nowhere(weak: SignalSource, secret: str) -> None:
    receive(weak, weak_message(secret))
    receive(weak, weak_message(secret, LONG | {"action": "hold"}))

    stored = json.dumps(
        [list(model.objects.values()) for model in (Signal, SignalSource, Order, OrderEvent, Record)], default=str
    )
    assert secret not in stored
    assert {found.body["secret"] for found in Signal.objects.all()} == {"[redacted]"}


@pytest.mark.parametrize("value", [None, "", "wrong", 5, ["x"], OTHER])
def test_without_the_secret_it_is_refused(weak: SignalSource, secret: str, value: Any) -> None:
    assert code_of(lambda: receive(weak, weak_message(secret, secret=value))) == "SIGNAL_SIGNATURE"
    assert count() == (0, 0)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 60_000])
def test_what_is_no_body_looks_like_a_wrong_secret(weak: SignalSource, secret: str, raw: bytes) -> None:
    delivery = signals.Delivery(headers=Headers("", "", ""), body=raw, address=HOME)

    assert code_of(lambda: receive(weak, delivery)) == "SIGNAL_SIGNATURE"
    assert count() == (0, 0)


@pytest.mark.parametrize("address", ["198.51.100.9", "", "junk", "203.0.114.7"])
def test_from_another_address_the_secret_is_worth_nothing(weak: SignalSource, secret: str, address: str) -> None:
    sent = weak_message(secret)
    delivery = signals.Delivery(headers=sent.headers, body=sent.body, address=address)

    assert code_of(lambda: receive(weak, delivery)) == "SIGNAL_SIGNATURE"
    assert count() == (0, 0)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_stale_and_future_messages_are_refused(weak: SignalSource, secret: str, seconds: int) -> None:
    delivery = weak_message(secret, at=wall_now() + timedelta(seconds=seconds))

    assert code_of(lambda: receive(weak, delivery)) == "SIGNAL_STALE"
    assert count() == (0, 0)


def test_a_message_without_a_time_is_stale(weak: SignalSource, secret: str) -> None:
    assert code_of(lambda: receive(weak, weak_message(secret, sent=None))) == "SIGNAL_STALE"


def test_the_same_body_again_is_the_same_order(weak: SignalSource, secret: str) -> None:
    sent = weak_message(secret)

    assert receive(weak, sent).pk == receive(weak, sent).pk
    assert count() == (1, 1)


def test_a_repeat_under_the_next_key_is_the_same_message(weak: SignalSource, secret: str) -> None:
    first = receive(weak, weak_message(secret))
    following = signals.rotate_keys(source=weak, **BY)

    assert receive(weak, weak_message(following)).pk == first.pk
    assert count() == (1, 1)


def test_the_next_alert_is_another_order(weak: SignalSource, secret: str, wall: Wall) -> None:
    receive(weak, weak_message(secret))
    wall.advance(1)
    receive(weak, weak_message(secret))

    assert Signal.objects.count() == 2
    assert Order.objects.count() == 2


def test_an_id_in_the_body_names_the_message(desk: Desk) -> None:
    named = make_weak_source(desk, envelope=ENVELOPE | {"id": "/id"})
    key = activate(desk, named)

    first = receive(named, weak_message(key, id="alert.1"))
    again = receive(named, weak_message(key, id="alert.1"))

    assert (first.webhook_id, again.pk) == ("alert.1", first.pk)
    assert code_of(lambda: receive(named, weak_message(key, id="alert.1", size="2"))) == "SIGNAL_REPLAYED"
    for junk in (None, "", "x" * 129, True, 1.5, []):
        assert code_of(lambda: receive(named, weak_message(key, id=junk))) == "SIGNAL_SCHEMA"  # noqa: B023
    assert count() == (1, 1)


def test_headers_do_not_help_a_weak_source(weak: SignalSource, secret: str) -> None:
    assert code_of(lambda: receive(weak, message(secret))) == "SIGNAL_SIGNATURE"


def test_a_secret_in_the_body_does_not_help_a_signed_source(source: SignalSource, key: str) -> None:
    assert code_of(lambda: receive(source, weak_message(key))) == "SIGNAL_SIGNATURE"
    assert count() == (0, 0)
