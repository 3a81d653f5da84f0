"""Token exchange with pinned keys: who is believed, who is not, and what the token that comes of it may."""

import logging
from datetime import timedelta

import pytest
from django.test import Client

from apps.access import services as access
from apps.access.api.exchange import ACCESS_TOKEN, GRANT
from apps.access.models import SpentAssertion, Token
from apps.access.services import workloads
from apps.access.states import Permission
from apps.audit.models import Record
from tests.access.exchanges import ADDRESS, ISSUER, ask, desks, make_trust, refused
from tests.access.issuer import (
    AUDIENCE,
    SUBJECT,
    claims_of,
    signed,
)
from tests.builders import BY
from tests.markets.builders import Wall


@pytest.mark.parametrize(("kid", "kind"), [("one", "EC"), ("two", "RSA"), ("three", "OKP")])
def test_a_job_gets_a_token_for_a_quarter_of_an_hour(trust, kid, kind):
    answer = ask(signed(claims_of(ISSUER), kid, kind), audience=AUDIENCE)

    body, token = answer.json(), Token.objects.get()
    assert answer.status_code == 200, body
    assert (body["issued_token_type"], body["token_type"]) == (ACCESS_TOKEN, "Bearer")
    assert 890 <= body["expires_in"] <= 900
    assert answer.headers["Cache-Control"] == "no-store"
    assert (token.user, token.trust, token.permissions) == (trust.user, trust, ["trade", "view_scope"])
    assert SUBJECT in token.name
    assert desks(body["access_token"]) == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iss": "https://other.example"}, "TRUST_UNKNOWN"),
        ({"iss": ISSUER + "/"}, "TRUST_UNKNOWN"),
        ({"aud": "another"}, "TRUST_UNKNOWN"),
        ({"aud": [AUDIENCE, "another"]}, "TRUST_UNKNOWN"),
        ({"aud": None}, "TRUST_UNKNOWN"),
        ({"sub": SUBJECT.replace("paper", "live")}, "TRUST_UNKNOWN"),
        ({"sub": SUBJECT.upper()}, "TRUST_UNKNOWN"),
        ({"sub": 7}, "TRUST_UNKNOWN"),
        ({"repository_id": "73125"}, "SUBJECT_TOKEN_CLAIM"),
        ({"repository_id": None}, "SUBJECT_TOKEN_CLAIM"),
        ({"environment": "live"}, "SUBJECT_TOKEN_CLAIM"),
        ({"environment": ["paper"]}, "SUBJECT_TOKEN_CLAIM"),
        ({"jti": None}, "SUBJECT_TOKEN_WITHOUT_ID"),
        ({"jti": ""}, "SUBJECT_TOKEN_WITHOUT_ID"),
        ({"jti": "x" * 513}, "SUBJECT_TOKEN_WITHOUT_ID"),
        ({"exp": None}, "SUBJECT_TOKEN_TIMES"),
        ({"iat": None}, "SUBJECT_TOKEN_TIMES"),
        ({"nbf": "now"}, "SUBJECT_TOKEN_TIMES"),
    ],
)
def test_another_workload_is_not_believed(trust, change, code):
    refused(
        ask(signed(claims_of(ISSUER) | change if None not in change.values() else claims_of(ISSUER, **change))), code
    )


@pytest.mark.parametrize(
    ("after_s", "code"),
    [(329, ""), (331, "SUBJECT_TOKEN_EXPIRED"), (-29, ""), (-31, "SUBJECT_TOKEN_NOT_YET_VALID")],
)
def test_a_token_counts_while_it_is_valid_with_half_a_minute_of_leeway(cast, wall: Wall, after_s, code):
    make_trust(cast)
    text = signed(claims_of(ISSUER, wall().timestamp()))

    wall.advance(after_s)

    answer = ask(text)
    assert answer.json().get("code", "") == code


def test_a_token_that_was_issued_long_ago_is_not_believed_however_long_it_lives(cast, wall: Wall):
    make_trust(cast)
    text = signed(claims_of(ISSUER, wall().timestamp(), exp=2**40))

    wall.advance(3631)

    refused(ask(text), "SUBJECT_TOKEN_TOO_OLD")


def test_a_body_that_is_too_long_is_not_read(trust):
    assert ask("x" * 40_000).status_code == 413
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    ("change", "code", "error"),
    [
        ({"grant_type": "client_credentials"}, "EXCHANGE_UNSUPPORTED", "unsupported_grant_type"),
        ({"grant_type": None}, "EXCHANGE_UNSUPPORTED", "unsupported_grant_type"),
        ({"subject_token": None}, "EXCHANGE_MALFORMED", "invalid_request"),
        ({"subject_token_type": ACCESS_TOKEN}, "EXCHANGE_MALFORMED", "invalid_request"),
        ({"requested_token_type": "urn:x"}, "EXCHANGE_UNSUPPORTED", "invalid_request"),
        ({"actor_token": "x"}, "EXCHANGE_UNSUPPORTED", "invalid_target"),
        ({"audience": "another"}, "EXCHANGE_TARGET", "invalid_target"),
        ({"audience": "a&audience=b"}, "PARSE_ERROR", "invalid_request"),
    ],
)
def test_a_form_that_is_not_of_the_rfc_is_refused(trust, change, code, error):
    fields = {"subject_token": signed(claims_of(ISSUER))} | change

    refused(ask(fields.pop("subject_token"), **fields), code, error=error)


def test_json_is_no_form(trust):
    answer = Client().post(ADDRESS, {"grant_type": GRANT}, content_type="application/json")

    assert answer.status_code == 415


def test_a_token_is_exchanged_once(trust):
    text = signed(claims_of(ISSUER))
    assert ask(text).status_code == 200

    again = ask(text)

    assert (again.status_code, again.json()["code"]) == (400, "SUBJECT_TOKEN_REPLAYED")
    assert Token.objects.count() == 1


def test_what_was_spent_is_kept_until_nobody_believes_it_any_more(cast, wall: Wall):
    make_trust(cast)
    text = signed(claims_of(ISSUER, wall().timestamp()))
    ask(text)

    wall.advance(329)
    access.forget_spent()
    assert SpentAssertion.objects.exists()
    assert ask(text).json()["code"] == "SUBJECT_TOKEN_REPLAYED"
    wall.advance(2)
    assert ask(text).json()["code"] == "SUBJECT_TOKEN_EXPIRED"
    access.forget_spent()
    assert SpentAssertion.objects.exists()  # for a clock that is set back
    wall.advance(workloads.KEPT_LONGER.total_seconds())
    access.forget_spent()

    assert not SpentAssertion.objects.exists()


def test_an_exchanged_token_ends_after_its_life(cast, wall: Wall):
    make_trust(cast, life_s=60)
    text = ask(signed(claims_of(ISSUER, wall().timestamp()))).json()["access_token"]
    assert desks(text) == 200

    wall.advance(60)

    assert desks(text) == 401


def test_a_revoked_trust_ends_its_tokens_at_once(trust):
    text = ask(signed(claims_of(ISSUER))).json()["access_token"]
    assert desks(text) == 200

    access.revoke_trust(trust=trust, **BY)

    assert desks(text) == 401
    assert ask(signed(claims_of(ISSUER))).json()["code"] == "TRUST_UNKNOWN"


def test_a_deactivated_account_ends_its_exchanged_tokens_at_once(trust):
    text = ask(signed(claims_of(ISSUER))).json()["access_token"]

    access.deactivate(user=trust.user, **BY)

    assert desks(text) == 401
    assert ask(signed(claims_of(ISSUER))).json()["code"] == "TRUST_UNKNOWN"


def test_a_workload_is_believed_from_its_networks_only(cast):
    make_trust(cast, networks=["198.51.100.0/24"])

    refused(ask(signed(claims_of(ISSUER))), "ADDRESS_REFUSED", 403, "unauthorized_client")
    answer = ask(signed(claims_of(ISSUER)), REMOTE_ADDR="198.51.100.7")

    assert answer.status_code == 200
    assert desks(answer.json()["access_token"], REMOTE_ADDR="198.51.100.8") == 200
    assert desks(answer.json()["access_token"], REMOTE_ADDR="203.0.113.7") == 403


def test_a_caller_is_counted_before_anything_is_read(trust, monkeypatch, wall: Wall):
    monkeypatch.setattr(workloads, "CALLER_PER_MINUTE_MAX", 2)
    read = []
    monkeypatch.setattr("apps.access.services.keysets.read_unverified", lambda text: read.append(text) or 1 / 0)
    client = Client(raise_request_exception=False)
    for _ in range(2):
        ask("x", client=client)

    answer = ask("x", client=client)

    assert (answer.status_code, answer.json()["code"], len(read)) == (429, "EXCHANGE_RATE", 2)
    assert answer.headers["Retry-After"] == "60"
    ask("x", client=client, REMOTE_ADDR="203.0.113.8")
    wall.advance(timedelta(minutes=1).total_seconds())
    ask("x", client=client)
    assert len(read) == 4


def test_an_issuer_is_counted_before_a_signature_is_verified(trust, monkeypatch):
    monkeypatch.setattr(workloads, "ISSUER_PER_MINUTE_MAX", 1)
    ask(signed(claims_of(ISSUER), sub=None))
    monkeypatch.setattr("apps.access.services.keysets.read", lambda *_: 1 / 0)

    answer = ask(signed(claims_of(ISSUER)), REMOTE_ADDR="203.0.113.99")

    assert (answer.status_code, answer.json()["code"]) == (429, "EXCHANGE_RATE")


def test_nothing_secret_is_written_anywhere(trust, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    good, bad = signed(claims_of(ISSUER)), signed(claims_of(ISSUER, environment="live"))

    issued = ask(good).json()["access_token"]
    ask(good)
    ask(bad)
    desks(issued)

    written = caplog.text + "".join(capfd.readouterr()) + repr([repr(r.__dict__) for r in caplog.records])
    written += repr(list(Record.objects.values())) + repr(list(Token.history.values()))
    written += repr(list(SpentAssertion.objects.values())) + repr(list(Token.objects.values()))
    assert "SUBJECT_TOKEN_CLAIM" in written
    for secret in (issued, issued.split("_", 2)[2], good, bad, good.rsplit(".", 1)[1], bad.rsplit(".", 1)[1]):
        assert secret not in written


def test_a_service_account_never_votes_with_an_exchanged_token(trust, cast):
    access.grant_role(user=cast.machine, role="risk owner", scope=cast.firm.scope, **BY)
    wide = make_trust(cast, subject="repo:harbour/votes", permissions=list(Permission.values))
    text = ask(signed(claims_of(ISSUER, sub=wide.subject))).json()["access_token"]
    consent = access.open_consent(
        act="test.act",
        target=cast.bucket,
        scope=cast.desk.scope,
        digest="3" * 64,
        slots=[Permission.VOTE_RISK],
        excluded=[],
        expires_at=Token.objects.get().expires_at,
        actor=cast.engineer,
        reason="arranged",
    )
    machine = access.token_for(text, "203.0.113.7")
    assert machine is not None

    with pytest.raises(Exception, match="only an active person can vote"):
        access.vote(consent=consent, actor=machine.user, approve=True, reason="mine", digest="3" * 64)

    assert not consent.votes.exists()
