"""Tokens that count from some networks, below one scope, and until they are rotated out."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from apps.access import services as access
from apps.access.models import Token, WorkloadTrust
from apps.access.states import Permission
from apps.audit.context import acting
from apps.audit.models import Record
from tests.access.conftest import Cast
from tests.access.exchanges import make_trust
from tests.access.issuer import public_jwk
from tests.builders import BY, refused
from tests.markets.builders import Wall

HOME, AWAY = "198.51.100.7", "203.0.113.7"


def make(cast: Cast, **changes):
    fields = {"user": cast.machine, "name": "t", "permissions": [Permission.VIEW, Permission.TRADE], "expires_in_h": 48}
    return access.make_token(**fields | changes, **BY)


def status(text: str, address: str = HOME, path: str = "desks", **extra: str):
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client.get(f"/api/v1/{path}/", REMOTE_ADDR=address, **extra)


def test_a_token_counts_from_its_networks_only(cast):
    _, text = make(cast, networks=["198.51.100.0/24", "2001:db8::/32"])

    away = status(text, AWAY)

    assert [status(text, one).status_code for one in (HOME, "2001:db8::7")] == [200, 200]
    assert (away.status_code, away.json()["code"]) == (403, "ADDRESS_REFUSED")


def test_a_forwarded_address_counts_from_our_proxies_only(cast, settings):
    _, text = make(cast, networks=["198.51.100.0/24"])
    assert status(text, AWAY, HTTP_X_FORWARDED_FOR=HOME).status_code == 403

    settings.TRUSTED_PROXIES = ["10.0.0.1/32"]

    assert status(text, "10.0.0.1", HTTP_X_FORWARDED_FOR=HOME).status_code == 200
    assert status(text, "10.0.0.1", HTTP_X_FORWARDED_FOR=f"{HOME}, {AWAY}").status_code == 403
    assert status(text, AWAY, HTTP_X_FORWARDED_FOR=HOME).status_code == 403


def test_the_audit_hears_of_a_refused_address_once_a_minute(cast, wall: Wall):
    token, text = make(cast, networks=["198.51.100.0/24"])
    heard = Record.objects.filter(act="token.address_refused", object_id=token.pk)

    for _ in range(3):
        status(text, AWAY)
    assert [record.after for record in heard] == [{"address": AWAY}]
    wall.advance(61)
    status(text, AWAY)

    assert heard.all().count() == 2
    assert Token.objects.get().last_used_at is None


@pytest.mark.parametrize(
    ("networks", "code"), [(["anywhere"], "ALLOW_LIST_INVALID"), (["0.0.0.0/0"], "ALLOW_LIST_TOO_WIDE")]
)
def test_a_list_that_lists_nothing_is_refused(cast, networks, code):
    with refused(code):
        make(cast, networks=networks)

    assert not Token.objects.exists()


def test_where_a_token_was_last_used_is_known(cast):
    _, text = make(cast)

    status(text, HOME)

    token = Token.objects.get()
    assert (token.last_used_address, token.last_used_at is not None) == (HOME, True)


def test_a_token_of_a_scope_sees_nothing_beside_it(cast):
    other = access.make_bucket(desk=cast.desk, name="Carry", **BY)
    _, text = make(cast, scope=cast.bucket.scope)

    token = access.token_for(text, HOME)
    assert token is not None
    token.user.acting_token = token

    assert access.may(token.user, Permission.TRADE, cast.bucket.scope)
    assert not access.may(token.user, Permission.TRADE, other.scope)
    assert not access.may(token.user, Permission.VIEW, cast.desk.scope)
    assert [row["name"] for row in status(text, path="risk-buckets").json()["results"]] == ["Trend"]
    assert status(text).json()["results"] == []


def test_a_scope_widens_nothing(cast):
    for scope in (cast.firm.scope, cast.other_desk.scope):
        _, text = make(cast, scope=scope)
        token = access.token_for(text, HOME)
        assert token is not None
        token.user.acting_token = token

        assert not access.may(token.user, Permission.VIEW, cast.other_desk.scope)
        assert not access.may(token.user, Permission.VIEW, cast.firm.scope)
        assert access.may(token.user, Permission.VIEW, cast.desk.scope) is (scope == cast.firm.scope)


def test_a_rotated_token_and_its_successor_count_for_the_overlap(cast, wall: Wall):
    old, old_text = make(cast, networks=["198.51.100.0/24"], scope=cast.desk.scope)
    wall.advance(timedelta(hours=24).total_seconds())

    new, new_text = access.rotate_token(token=old, overlap_h=1, **BY)

    kept = ("user_id", "name", "permissions", "scope_id", "networks")
    assert [getattr(new, name) for name in kept] == [getattr(old, name) for name in kept]
    assert (new.replaces, new.expires_at - new.created_at) == (old, timedelta(hours=48))
    assert [status(text).status_code for text in (old_text, new_text)] == [200, 200]
    wall.advance(3600)
    assert [status(text).status_code for text in (old_text, new_text)] == [401, 200]


def test_without_an_overlap_the_old_token_ends_at_once(cast):
    old, text = make(cast)

    access.rotate_token(token=old, overlap_h=0, **BY)

    assert status(text).status_code == 401


def test_a_rotation_never_makes_a_token_live_longer(cast):
    old, _ = make(cast, expires_in_h=1)

    access.rotate_token(token=old, overlap_h=168, **BY)

    assert Token.objects.get(pk=old.pk).expires_at == old.expires_at


def test_a_token_that_ended_or_was_rotated_or_exchanged_is_not_rotated(cast):
    revoked, _ = make(cast)
    access.revoke_token(token=revoked, **BY)
    twice, _ = make(cast)
    access.rotate_token(token=twice, overlap_h=1, **BY)
    exchanged, _ = make(cast)
    with acting("job:test", "arrange"):
        Token.objects.filter(pk=exchanged.pk).update(trust=make_trust(cast))
    count = Token.objects.count()

    for token, code in ((revoked, "TOKEN_ENDED"), (twice, "TOKEN_ROTATED"), (exchanged, "TOKEN_EXCHANGED")):
        with refused(code):
            access.rotate_token(token=token, overlap_h=1, **BY)
    with refused("TOKEN_OVERLAP"):
        access.rotate_token(token=revoked, overlap_h=169, **BY)

    assert Token.objects.count() == count


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"issuer": "http://ci.example"}, "ISSUER_ADDRESS"),
        ({"audience": ""}, "TRUST_TEXT"),
        ({"subject": "repo:harbour/*"}, "TRUST_TEXT"),
        ({"claims": {"repository_id": ""}}, "TRUST_TEXT"),
        ({"claims": {"actor": "x"}}, "TRUST_CLAIM_UNKNOWN"),
        ({"permissions": ["fly"]}, "TOKEN_PERMISSION_UNKNOWN"),
        ({"life_s": 901}, "TRUST_LIFE"),
        ({"life_s": 59}, "TRUST_LIFE"),
        ({"networks": ["::/0"]}, "ALLOW_LIST_TOO_WIDE"),
        ({"jwks": {"keys": []}}, "TRUST_KEYS_INVALID"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]}}, "TRUST_KEYS_PRIVATE"),
        ({"jwks": {"keys": [public_jwk("one") | {"d": "AAAA"}]}}, "TRUST_KEYS_PRIVATE"),
        ({"jwks": []}, "TRUST_KEYS_INVALID"),
    ],
)
def test_a_trust_that_cannot_be_meant_is_refused(cast, change, code):
    with refused(code):
        make_trust(cast, **change)

    assert not WorkloadTrust.objects.exists()


def test_a_workload_is_trusted_once(cast):
    first = make_trust(cast)
    with refused("TRUST_EXISTS"):
        make_trust(cast, name="again")
    access.revoke_trust(trust=first, **BY)

    assert make_trust(cast).pk != first.pk


def test_people_are_no_workloads(cast):
    with refused("TOKEN_FOR_PERSON"):
        make_trust(cast, user=cast.trader)

    assert not WorkloadTrust.objects.exists()
