"""The address where messages come in: what a sender is told, and what nobody is."""

import json
from typing import Any

import pytest
from django.test import Client

from apps.execution.models import Order
from apps.execution.signals.models import Signal, SignalSource
from apps.execution.signals.rules.verification import new_key
from tests.signals.builders import HOME, LONG, Desk, activate, count, make_source, message, raw, signals, weak_message


def post(name: str, delivery: signals.Delivery, **extra: Any) -> Any:
    """Send it as the internet would: no session, no token."""
    headers = {
        "webhook-id": delivery.headers.id,
        "webhook-timestamp": delivery.headers.timestamp,
        "webhook-signature": delivery.headers.signature,
    }
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    fields = {"content_type": "application/json", "REMOTE_ADDR": delivery.address} | extra
    return client.post(f"/api/v1/signals/{name}/", delivery.body, headers=headers, **fields)


def told(answer: Any) -> dict[str, Any]:
    """The answer without what differs by request."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def test_a_placed_order_is_answered_202_with_its_id(source: SignalSource, key: str) -> None:
    answer = post(source.name, message(key))

    found, order = Signal.objects.get(), Order.objects.get()
    assert answer.status_code == 202
    assert answer.json() == {"id": str(found.pk), "outcome": "PLACED", "codes": [], "order": str(order.pk)}


def test_a_repeat_gets_the_very_same_answer(source: SignalSource, key: str) -> None:
    first, again = (post(source.name, message(key)) for _ in range(2))

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert count() == (1, 1)


def test_a_denied_order_is_answered_202_so_that_nobody_retries(source: SignalSource, key: str) -> None:
    answer = post(source.name, message(key, LONG | {"size": "11"}))

    assert answer.status_code == 202
    assert answer.json()["outcome"] == "DENIED"
    assert "QUANTITY_ABOVE_LIMIT" in answer.json()["codes"]


@pytest.mark.parametrize(
    ("body", "code"), [(b"{", "SIGNAL_SCHEMA"), (b"", "SIGNAL_SCHEMA"), (LONG | {"action": "x"}, "SIGNAL_MAPPING")]
)
def test_a_body_that_is_no_order_is_422_each_time(source: SignalSource, key: str, body: Any, code: str) -> None:
    first, again = (post(source.name, message(key, body)) for _ in range(2))

    assert (first.status_code, first.json()["code"]) == (422, code)
    assert told(first) == told(again)
    assert count() == (1, 0)


def test_another_body_under_the_id_is_409(source: SignalSource, key: str) -> None:
    post(source.name, message(key))

    answer = post(source.name, message(key, LONG | {"size": "2"}))

    assert (answer.status_code, answer.json()["code"]) == (409, "SIGNAL_REPLAYED")
    assert count() == (1, 1)


def test_unknown_inactive_and_badly_signed_are_one_401(desk: Desk, source: SignalSource, key: str) -> None:
    make_source(desk, name="asleep")
    delivery = message(new_key())

    answers = [post(name, delivery) for name in ("nobody", "asleep", "momentum")]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer["WWW-Authenticate"] for answer in answers} == {"StandardWebhooks"}
    assert len({json.dumps(told(answer)) for answer in answers}) == 1
    assert answers[0].json()["code"] == "SIGNAL_SIGNATURE"
    assert count() == (0, 0)


def test_stale_is_401(source: SignalSource, key: str, wall: Any) -> None:
    delivery = message(key)
    wall.advance(301)

    answer = post(source.name, delivery)

    assert (answer.status_code, answer.json()["code"]) == (401, "SIGNAL_STALE")
    assert count() == (0, 0)


def test_above_the_rate_is_429_with_a_hint(desk: Desk) -> None:
    slow = make_source(desk, name="slow", messages_per_minute=1)
    key = activate(desk, slow)
    post("slow", message(key))

    answer = post("slow", message(key, identity="msg-2"))

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "SIGNAL_RATE", "60")
    assert count() == (1, 1)


def test_a_large_body_is_413_before_anything_is_looked_at(source: SignalSource, key: str) -> None:
    fits = raw({"pad": "x" * (65_536 - 11)})
    assert len(fits) == 65_536

    assert post(source.name, message(key, fits)).status_code == 422
    for name in (source.name, "nobody"):
        answer = post(name, message(key, fits + b" "))
        assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert count() == (1, 0)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
def test_another_media_type_is_415(source: SignalSource, key: str, kind: str) -> None:
    answer = post(source.name, message(key), content_type=kind)

    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert count() == (0, 0)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_not_served(source: SignalSource, key: str, method: str) -> None:
    assert getattr(Client(), method)(f"/api/v1/signals/{source.name}/").status_code == 405


@pytest.mark.parametrize("name", ["No.Such", "x" * 2000, "%00", "..%2fother", "a/b"])
def test_a_junk_name_is_no_source(db: None, name: str) -> None:
    assert post(name, message(new_key())).status_code in (401, 403, 404)
    assert count() == (0, 0)


def test_a_session_or_token_decides_nothing_here(desk: Desk, source: SignalSource, key: str) -> None:
    client = Client()
    client.force_login(desk.administrator, backend="django.contrib.auth.backends.ModelBackend")

    answer = client.post(f"/api/v1/signals/{source.name}/", raw(LONG), content_type="application/json")
    bearer = post(source.name, message(new_key()), HTTP_AUTHORIZATION="Bearer qd_x_y", HTTP_IDEMPOTENCY_KEY="k" * 9)

    assert (answer.status_code, bearer.status_code) == (401, 401)
    assert count() == (0, 0)


def test_a_weak_source_answers_over_http_from_its_network_alone(weak: SignalSource, secret: str) -> None:
    delivery = weak_message(secret)

    forged = post(weak.name, delivery, REMOTE_ADDR="198.51.100.9", HTTP_X_FORWARDED_FOR=HOME)
    assert (forged.status_code, count()) == (401, (0, 0))
    assert post(weak.name, delivery).status_code == 202


def test_behind_our_proxy_the_senders_address_counts(weak: SignalSource, secret: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1/32"]
    delivery = weak_message(secret)

    forged = post(weak.name, delivery, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=f"{HOME}, 198.51.100.9")
    assert (forged.status_code, count()) == (401, (0, 0))
    assert post(weak.name, delivery, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=HOME).status_code == 202


def test_a_failure_of_ours_is_503_or_500_and_keeps_nothing(
    source: SignalSource, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("apps.execution.services.place", fail)

    answer = post(source.name, message(key))

    assert (answer.status_code, "secret detail" in answer.content.decode()) == (500, False)
    assert count() == (0, 0)
