"""Opening a way to trade takes two people; closing it takes one, at once."""

from typing import Any

import pytest
from django.db import DatabaseError, transaction

from apps.access import services as access
from apps.access.models import Consent
from apps.audit.context import acting
from apps.audit.models import Record
from apps.deployments.models import Deployment
from apps.execution.signals import services as signals
from apps.execution.signals.models import SignalSource
from tests.builders import fresh, refused
from tests.markets.builders import BY, Wall
from tests.signals.builders import (
    ENVELOPE,
    Desk,
    activate,
    code_of,
    count,
    make_source,
    make_weak_source,
    message,
    receive,
)


def ask(desk: Desk, source: SignalSource) -> str:
    """Ask for the activation; the digest to vote with."""
    asked = signals.request_activation(source=source, actor=desk.administrator, reason="please")
    assert asked.consent is not None
    return asked.consent.digest


def test_a_new_source_is_inactive_and_its_making_is_recorded(desk: Desk) -> None:
    source = make_source(desk)

    assert not source.is_active
    assert not source.is_weak
    record = Record.objects.get(act="signal_source.made")
    assert (record.object_id, record.scope_id) == (source.pk, desk.floor.bot.scope_id)
    assert record.actor == f"user:{desk.administrator.pk}"


def test_a_source_with_its_secret_in_the_body_is_marked_weak(desk: Desk) -> None:
    assert make_weak_source(desk).is_weak


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("ALLOW_LIST_REQUIRED", {"mode": "body_secret", "envelope": ENVELOPE}),
        ("ALLOW_LIST_TOO_WIDE", {"mode": "body_secret", "envelope": ENVELOPE, "allow_list": ["0.0.0.0/0"]}),
        ("ALLOW_LIST_INVALID", {"allow_list": ["anywhere"]}),
        ("ENVELOPE_INVALID", {"mode": "body_secret", "envelope": {}, "allow_list": ["203.0.113.7"]}),
        ("ENVELOPE_INVALID", {"mode": "body_secret", "envelope": {"secret": "/s"}, "allow_list": ["203.0.113.7"]}),
        ("ENVELOPE_INVALID", {"envelope": ENVELOPE}),
        ("SOURCE_MODE_UNKNOWN", {"mode": "open"}),
        ("SCHEMA_INVALID", {"body_schema": {}}),
        ("MAPPING_INVALID", {"mapping": {}}),
        ("SOURCE_RATE", {"messages_per_minute": 0}),
        ("SOURCE_RATE", {"messages_per_minute": 601}),
    ],
)
def test_a_source_that_cannot_be_safe_is_not_made(desk: Desk, code: str, fields: dict[str, Any]) -> None:
    with refused(code):
        make_source(desk, **fields)

    assert not SignalSource.objects.exists()


def test_the_database_refuses_a_weak_source_without_a_list(desk: Desk) -> None:
    weak = make_weak_source(desk)

    with pytest.raises(DatabaseError, match="weak_source_has_an_allow_list"), transaction.atomic(), acting(**BY):
        SignalSource.objects.filter(pk=weak.pk).update(allow_list=[])


def test_the_database_refuses_an_active_source_that_nobody_consented_to(source: SignalSource) -> None:
    with pytest.raises(DatabaseError, match="active_source_was_consented_to"), transaction.atomic(), acting(**BY):
        SignalSource.objects.filter(pk=source.pk).update(is_active=True)


def test_a_name_is_taken_once(desk: Desk, source: SignalSource) -> None:
    with refused("SOURCE_NAME_TAKEN"):
        make_source(desk)

    assert SignalSource.objects.count() == 1


def test_a_source_acts_as_a_machine_that_may_trade_for_the_bot(desk: Desk) -> None:
    other = access.make_service_account(username="stranger", display_name="Stranger", **BY)

    with refused("ACTS_AS_PERSON"):
        make_source(desk, acts_as=desk.administrator)
    with refused("SENDER_MAY_NOT_TRADE"):
        make_source(desk, acts_as=other)
    with refused("PERSON_NEEDED"):
        make_source(desk, actor=desk.machine)
    assert not SignalSource.objects.exists()


def test_a_stopped_deployment_gets_no_source(desk: Desk) -> None:
    with acting(**BY):
        Deployment.objects.update(desired="stopped")

    with refused("DEPLOYMENT_STOPPED"):
        make_source(desk, deployment=Deployment.objects.select_related("bot__scope").get())


def test_a_risk_owner_activates_it(desk: Desk, source: SignalSource) -> None:
    activate(desk, source)

    assert fresh(source).is_active
    assert Record.objects.filter(act="signal_source.activated", object_id=source.pk).count() == 1


def test_one_person_activates_nothing(desk: Desk, source: SignalSource) -> None:
    scope = desk.floor.bot.scope
    for person in (desk.administrator, desk.second_administrator):
        access.grant_role(user=person, role="risk owner", scope=scope, **BY)
    signals.make_keys(source=source, **BY)
    asked = signals.request_activation(source=source, actor=fresh(desk.second_administrator), reason="please")
    ballot: dict[str, Any] = {"source": source, "approve": True, "reason": "yes", "digest": asked.consent.digest}

    for person in (desk.administrator, desk.second_administrator):
        with refused("VOTE_EXCLUDED"):
            signals.vote_activation(actor=fresh(person), **ballot)

    assert not fresh(source).is_active


def test_a_denial_leaves_it_inactive(desk: Desk, source: SignalSource) -> None:
    signals.make_keys(source=source, **BY)
    digest = ask(desk, source)

    signals.vote_activation(source=source, actor=desk.risk_owner, approve=False, reason="too large", digest=digest)

    assert not fresh(source).is_active


def test_a_vote_on_another_digest_is_refused(desk: Desk, source: SignalSource) -> None:
    signals.make_keys(source=source, **BY)
    ask(desk, source)

    with refused("DIGEST_CHANGED"):
        signals.vote_activation(source=source, actor=desk.risk_owner, approve=True, reason="yes", digest="0" * 64)

    assert not fresh(source).is_active


def test_activation_needs_keys_and_a_person_and_is_asked_for_once(desk: Desk, source: SignalSource) -> None:
    with refused("CONSENT_NOT_OPEN"):
        signals.vote_activation(source=source, actor=desk.risk_owner, approve=True, reason="yes", digest="0" * 64)
    with refused("KEYS_MISSING"):
        ask(desk, source)
    signals.make_keys(source=source, **BY)
    with refused("PERSON_NEEDED"):
        signals.request_activation(source=source, actor=desk.machine, reason="please")
    ask(desk, source)
    with refused("ACTIVATION_ASKED"):
        ask(desk, source)
    assert Consent.objects.filter(act="signal_source.activate").count() == 1


def test_an_expired_request_is_asked_anew(desk: Desk, source: SignalSource, wall: Wall) -> None:
    signals.make_keys(source=source, **BY)
    digest = ask(desk, source)
    wall.advance(25 * 3600)

    with refused("CONSENT_EXPIRED"):
        signals.vote_activation(source=source, actor=desk.risk_owner, approve=True, reason="yes", digest=digest)
    ask(desk, source)

    states = Consent.objects.filter(act="signal_source.activate").order_by("id").values_list("state", flat=True)
    assert list(states) == ["void", "open"]


def test_an_active_source_is_not_activated_again(desk: Desk, source: SignalSource, key: str) -> None:
    with refused("SOURCE_ACTIVE"):
        ask(desk, source)


def test_deactivation_is_at_once_and_ends_the_consent(desk: Desk, source: SignalSource, key: str) -> None:
    signals.deactivate(source=source, actor=desk.risk_owner, reason="odd messages")
    signals.deactivate(source=source, actor=desk.risk_owner, reason="odd messages")

    row = SignalSource.objects.select_related("consent").get()
    assert (row.is_active, row.consent.state) == (False, "void")
    assert code_of(lambda: receive(source, message(key))) == "SIGNAL_INACTIVE"
    assert count() == (0, 0)
    assert Record.objects.filter(act="signal_source.deactivated").count() == 1


def test_trading_again_needs_consent_again(desk: Desk, source: SignalSource, key: str) -> None:
    used = SignalSource.objects.select_related("consent").get().consent.digest
    signals.deactivate(source=source, actor=desk.administrator, reason="pause")

    with refused("ALREADY_VOTED"):
        signals.vote_activation(source=source, actor=desk.risk_owner, approve=True, reason="yes", digest=used)
    assert not fresh(source).is_active
    digest = ask(desk, source)
    signals.vote_activation(source=source, actor=desk.risk_owner, approve=True, reason="yes", digest=digest)

    assert receive(source, message(key)).outcome == "PLACED"


def test_a_consent_that_was_voided_does_not_trade(source: SignalSource, key: str) -> None:
    consent = SignalSource.objects.select_related("consent").get().consent
    assert consent is not None
    access.void_consent(consent=consent, **BY)

    assert code_of(lambda: receive(source, message(key))) == "SIGNAL_INACTIVE"
    assert count() == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"mapping": {"side": {"value": "SELL"}}},
        {"body_schema": {"type": "object"}},
        {"allow_list": ["203.0.113.0/24"]},
        {"messages_per_minute": 599},
        {"envelope": {"a": "b"}},
        {"is_active": False},
    ],
)
def test_what_changed_after_the_consent_does_not_trade(source: SignalSource, key: str, change: dict[str, Any]) -> None:
    with acting(**BY):
        SignalSource.objects.filter(pk=source.pk).update(**change)

    assert code_of(lambda: receive(source, message(key))) == "SIGNAL_INACTIVE"
    assert count() == (0, 0)
