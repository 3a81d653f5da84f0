"""Managing sources by the API: two people to open, one to close, keys never shown."""

from typing import Any

import pytest

from apps.audit.models import Record
from apps.execution.signals import keys
from apps.execution.signals.models import SignalSource
from tests.api.conftest import as_user
from tests.builders import make_user
from tests.markets.builders import BY
from tests.signals.builders import ALLOWED, ENVELOPE, LONG, MAPPING, SCHEMA, Desk, message, receive, signals

__all__ = ["as_user"]
URL = "/api/v1/signals/"


def asked(desk: Desk, **overrides: Any) -> dict[str, Any]:
    """A source to make."""
    fields = {
        "name": "momentum",
        "deployment": str(desk.floor.deployment.pk),
        "acts_as": desk.machine.username,
        "mode": "standard_webhooks",
        "body_schema": SCHEMA,
        "mapping": MAPPING,
        "messages_per_minute": 30,
        "reason": "our own sender",
    }
    return fields | overrides


def test_a_source_is_made_activated_by_a_second_person_and_stopped(desk: Desk, as_user: Any) -> None:
    first, second = as_user(desk.administrator), as_user(desk.risk_owner)

    made = first.post(URL, asked(desk))
    assert (made.status_code, made.json()["is_active"], made.json()["is_weak"]) == (201, False, False)
    signals.make_keys(source=SignalSource.objects.get(), **BY)
    wanted = first.post(f"{URL}momentum/activate/", {"reason": "wired"}).json()
    ballot = {"approve": True, "digest": wanted["digest"], "reason": "small sizes"}
    assert first.post(f"{URL}momentum/votes/", ballot).status_code == 403
    voted = second.post(f"{URL}momentum/votes/", ballot).json()
    assert (voted["is_active"], voted["consent_state"]) == (True, "granted")
    stopped = second.post(f"{URL}momentum/deactivate/", {"reason": "odd"}).json()
    assert (stopped["is_active"], stopped["consent_state"]) == (False, "void")

    acts = Record.objects.filter(act__startswith="signal_source.").order_by("id").values_list("act", flat=True)
    assert [act for act in acts if act != "signal_source.activate.approved"] == [
        "signal_source.made",
        "signal_source.activated",
        "signal_source.deactivated",
    ]


def test_a_weak_source_says_so_and_needs_its_networks(desk: Desk, as_user: Any) -> None:
    client = as_user(desk.administrator)
    weak = asked(desk, mode="body_secret", envelope=ENVELOPE)

    refused = client.post(URL, weak)
    made = client.post(URL, weak | {"allow_list": ALLOWED})

    assert (refused.status_code, refused.json()["code"]) == (422, "ALLOW_LIST_REQUIRED")
    assert (made.status_code, made.json()["is_weak"]) == (201, True)
    assert SignalSource.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "Not A Slug", "VALIDATION_FAILED"),
        ("mode", "open", "VALIDATION_FAILED"),
        ("messages_per_minute", 601, "VALIDATION_FAILED"),
        ("deployment", "01980000-0000-7000-8000-000000000001", "REFERENCE_NOT_FOUND"),
        ("acts_as", "ada", "REFERENCE_NOT_FOUND"),
        ("body_schema", {"type": "string"}, "SCHEMA_INVALID"),
        ("mapping", {"side": {"value": "BUY"}}, "MAPPING_INVALID"),
        ("allow_list", ["x"], "ALLOW_LIST_INVALID"),
    ],
)
def test_what_cannot_be_is_refused_and_makes_nothing(
    desk: Desk, as_user: Any, field: str, value: Any, code: str
) -> None:
    answer = as_user(desk.administrator).post(URL, asked(desk, **{field: value}))

    assert answer.json()["code"] == code
    assert not SignalSource.objects.exists()


def test_making_and_activating_need_administer(desk: Desk, source: SignalSource, as_user: Any) -> None:
    client = as_user(desk.risk_owner)

    assert client.post(URL, asked(desk, name="other")).status_code == 403
    assert client.post(f"{URL}momentum/activate/", {"reason": "x"}).status_code == 403
    assert SignalSource.objects.filter(consent=None).count() == 1


def test_what_came_is_listed_and_keys_are_not(desk: Desk, source: SignalSource, key: str, as_user: Any) -> None:
    found = receive(source, message(key))
    client = as_user(desk.risk_owner)

    sources, messages = client.get(f"{URL}?name=momentum"), client.get(f"{URL}momentum/messages/")

    (shown,) = messages.json()["results"]
    assert (shown["id"], shown["webhook_id"], shown["outcome"]) == (str(found.pk), "msg-1", "PLACED")
    assert (shown["body"], shown["order"]) == (LONG, str(found.order_id))
    assert [row["name"] for row in sources.json()["results"]] == ["momentum"]
    told = sources.content.decode() + messages.content.decode()
    assert not any(one in told for one in keys.read("momentum").valid)


def test_other_desks_see_no_source(desk: Desk, source: SignalSource, key: str, as_user: Any) -> None:
    outsider = as_user(make_user("out"))

    assert outsider.get(URL).json()["results"] == []
    assert outsider.get(f"{URL}momentum/messages/").status_code == 404
    assert outsider.post(f"{URL}momentum/deactivate/", {"reason": "x"}).status_code == 404
    assert SignalSource.objects.get().is_active
