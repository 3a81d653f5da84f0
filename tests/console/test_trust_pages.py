"""The page of signers and builders, and a code version's page."""

import base64
from datetime import timedelta

import pytest
from quarterdeck.sign import SigningKey

from apps.audit.context import acting
from apps.bots.models import Signer, TrustedBuilder, Verification
from apps.bots.states import Moment, Verdict
from apps.common.clocks import wall_now
from tests.api.world import ARRANGE


@pytest.fixture
def administrator(world, signed_in):
    return signed_in(world.own.people["administrator"])


def new_key(**overrides):
    public = base64.b64encode(SigningKey.generate().public_bytes).decode()
    return {"name": "next", "public_key": public, "reason": "the yearly change"} | overrides


def test_whoever_sees_the_desk_sees_its_keys_and_no_others(world, signed_in):
    text = signed_in(world.own.people["operator"]).get("/signers/").content.decode()

    assert world.own.signer.key_id in text
    assert world.own.builder.source_repository in text
    assert world.other.signer.key_id not in text
    assert world.other.builder.source_repository not in text
    assert "Rotate" not in text


def test_an_administrator_trusts_a_builder(world, administrator):
    asked = new_key(
        form="builder",
        desk=world.own.desk.pk,
        builder_id="https://ci.example/b",
        source_repository="https://git.example/new",
        refs="refs/heads/main\nrefs/tags/*",
    )

    answer = administrator.post("/signers/builders/trust/", asked)

    assert (answer.status_code, answer["Location"]) == (302, "/signers/")
    made = TrustedBuilder.objects.get(source_repository="https://git.example/new")
    assert (made.desk, made.refs) == (world.own.desk, ["refs/heads/main", "refs/tags/*"])


def test_a_refused_key_is_shown_beside_the_form_with_what_was_typed(world, administrator):
    answer = administrator.post(
        "/signers/trust/", new_key(form="signer", desk=world.own.desk.pk, name="my key", public_key="AAAA")
    )

    text = answer.content.decode()
    assert answer.status_code == 422
    assert "SIGNER_KEY_MALFORMED" in text
    assert 'value="my key"' in text
    assert Signer.objects.count() == 2


def test_a_key_is_rotated_with_an_end_for_the_old_one(world, administrator):
    until = wall_now() + timedelta(days=7)

    administrator.post(f"/signers/{world.own.signer.pk}/rotate/", new_key(old_until=f"{until:%Y-%m-%dT%H:%M}"))

    assert Signer.objects.get(replaces=world.own.signer).name == "next"
    world.own.signer.refresh_from_db()
    assert world.own.signer.revoked_at.date() == until.date()
    assert world.own.signer.is_trusted


def test_a_key_is_revoked_with_its_reason(world, administrator):
    administrator.post(f"/signers/builders/{world.own.builder.pk}/revoke/", {"reason": "the runner was broken into"})

    text = administrator.get("/signers/").content.decode()

    assert "the runner was broken into" in text
    assert "✕ revoked" in text


def test_a_code_version_says_who_vouches_for_it_and_what_came_of_it(world, signed_in):
    code = world.own.code_version
    with acting(**ARRANGE):
        Verification.objects.create(
            code_version=code,
            moment=Moment.LAUNCH,
            verdict=Verdict.REFUSED,
            code="ARTIFACT_MISSING",
            message="it is gone",
            facts={},
        )

    text = signed_in(world.own.people["trader"]).get(f"/code-versions/{code.pk}/").content.decode()

    assert code.artifact_sha256 in text
    assert "a laptop’s push: stops at paper" in text
    assert "ARTIFACT_MISSING" in text
    assert "No SBOM was pushed." in text
