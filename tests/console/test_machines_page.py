"""The page of machines: for administrators, secrets once, digests never, and what ends soon stands out."""

import pytest

from apps.access import services as access
from apps.access.models import Token, WorkloadTrust
from tests.api.world import ARRANGE


@pytest.fixture
def administrator(world, signed_in):
    return signed_in(world.firm_administrator)


def asked(world, **changes):
    fields = {"user": world.own.people["service account"].pk, "name": "deploys", "permissions": ["view_scope", "trade"]}
    return fields | {"networks": "198.51.100.0/24, 2001:db8::/32", "reason": "the CI deploys", **changes}


def test_a_new_token_is_shown_once(world, administrator):
    values = asked(world, form="token", expires_in_d="30", scope=world.own.desk.scope_id)

    answer = administrator.post("/machines/tokens/make/", values)

    text, token = answer.content.decode(), Token.objects.get(name="deploys")
    secret = text.split('value="qd_')[1].split('"')[0]
    assert access.token_for(f"qd_{secret}", "198.51.100.7") == token
    assert (token.scope, token.networks) == (world.own.desk.scope, ["198.51.100.0/24", "2001:db8::/32"])
    assert "no-store" in answer.headers["Cache-Control"]
    again = administrator.get("/machines/").content.decode()
    assert token.prefix in again
    assert secret.split("_", 1)[1] not in again
    assert token.digest not in again + text


def test_a_token_is_rotated_and_revoked(world, administrator):
    token = world.own.token
    values = {"form": f"rotate-{token.pk}", "overlap_h": "2", "reason": "every quarter"}

    rotated = administrator.post(f"/machines/tokens/{token.pk}/rotate/", values)
    new = Token.objects.get(replaces=token)
    ended = administrator.post(f"/machines/tokens/{new.pk}/revoke/", {"form": f"revoke-{new.pk}", "reason": "leaked"})

    assert f"qd_{new.prefix}_" in rotated.content.decode()
    assert (ended.status_code, Token.objects.get(pk=new.pk).revoked_at is not None) == (302, True)


def test_a_workload_is_trusted_and_no_longer(world, administrator):
    values = asked(world, form="trust", issuer="https://ci.example", audience="qd", subject="repo:x", life_s="300")

    made = administrator.post("/machines/trusts/make/", values | {"repository_id": "7", "environment": ""})
    trust = WorkloadTrust.objects.get(subject="repo:x")
    ended = administrator.post(f"/machines/trusts/{trust.pk}/revoke/", {"form": "x", "reason": "moved"})

    assert (made.status_code, trust.claims, trust.life_s) == (302, {"repository_id": "7"}, 300)
    assert (ended.status_code, WorkloadTrust.objects.get(pk=trust.pk).revoked_at is not None) == (302, True)


@pytest.mark.parametrize(("change", "code"), [({"subject": "repo:*"}, "TRUST_TEXT"), ({"jwks": "no"}, "FORM_INVALID")])
def test_a_refusal_is_told_beside_the_form_and_what_was_typed_is_kept(world, administrator, change, code):
    values = asked(world, form="trust", issuer="https://ci.example", audience="qd", subject="repo:x", life_s="300")
    before = WorkloadTrust.objects.count()

    answer = administrator.post("/machines/trusts/make/", values | change)

    text = answer.content.decode()
    assert answer.status_code == 422
    assert code in text
    assert "the CI deploys" in text
    assert WorkloadTrust.objects.count() == before


def test_what_ends_within_a_week_stands_out_until_it_is_replaced(world, administrator):
    text = administrator.get("/machines/").content.decode()
    assert "2 tokens end within 7 days" in text  # one of either desk, made for an hour

    access.rotate_token(token=world.own.token, overlap_h=1, **ARRANGE)
    access.revoke_token(token=Token.objects.get(replaces=world.own.token), **ARRANGE)

    assert "1 token ends within 7 days" in administrator.get("/machines/").content.decode()


@pytest.mark.parametrize("role", ["engineer", "risk owner", "auditor", "administrator"])
def test_whoever_does_not_administer_the_firm_sees_nothing(world, signed_in, role):
    answer = signed_in(world.own.people[role]).get("/machines/")

    assert answer.status_code == 403
    assert world.own.token.prefix not in answer.content.decode()


def test_the_page_is_linked_for_whoever_may_open_it(world, administrator, signed_in):
    assert 'href="/machines/"' in administrator.get("/").content.decode()
    assert 'href="/machines/"' not in signed_in(world.own.people["engineer"]).get("/").content.decode()
