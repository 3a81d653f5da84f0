"""Pushing, releasing, limiting, holding, alerting, reconciling through the API."""

from decimal import Decimal
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.access.models import RoleGrant, Token
from apps.alerts.models import Alert
from apps.audit.models import Record
from apps.bots.api.uploads import ArtifactParser
from apps.bots.models import CodeVersion, ConfigBundle
from apps.common.api import parsers
from apps.reconciliation.models import Break
from apps.risk.models import Hold, Limit
from tests.access.proofs import sign_in_again


@pytest.fixture
def engineer(world, as_user):
    """The own desk's engineer."""
    return as_user(world.own.people["engineer"])


def upload(client, world, content=b"no zip", **overrides):
    body = {
        "bot": world.own.bot.name,
        "artifact": SimpleUploadedFile("bot.zip", content, "application/zip"),
        "git_sha": "a" * 40,
        "key_id": "b" * 16,
        "signature": "c" * 88,
    }
    return client.post("/api/v1/code-versions/", body | overrides, format="multipart")


def test_an_artifact_that_is_none_is_refused_and_not_kept(world, engineer):
    before = CodeVersion.objects.count()

    answer = upload(engineer, world)

    assert answer.status_code == 409
    assert answer.json()["code"].startswith("ARTIFACT_")
    assert CodeVersion.objects.count() == before


def test_an_artifact_beyond_the_bound_is_refused_before_it_is_read(world, engineer, monkeypatch):
    monkeypatch.setattr(ArtifactParser, "bytes_max", 1000)

    answer = upload(engineer, world, content=b"x" * 2000)

    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


def test_the_same_upload_again_is_the_stored_answer_and_another_one_is_refused(world, engineer):
    key = {"HTTP_IDEMPOTENCY_KEY": "upload-key"}
    body = {"bot": world.own.bot.name, "git_sha": "a" * 40, "key_id": "b" * 16, "signature": "c" * 88}

    def push(content):
        artifact = SimpleUploadedFile("bot.zip", content, "application/zip")
        return engineer.post("/api/v1/code-versions/", body | {"artifact": artifact}, format="multipart", **key)

    assert push(b"one").json() == push(b"one").json()
    assert push(b"two").json()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_a_config_in_yaml_that_fails_its_schema_is_refused(world, engineer):
    text = f"bot: {world.own.bot.name}\ncontent:\n  limits:\n    order_quantity: 0.25\n"

    answer = engineer.generic("POST", "/api/v1/config-bundles/", text, content_type="application/yaml")

    assert (answer.status_code, answer.json()["code"]) == (422, "CONFIG_SCHEMA")
    assert ConfigBundle.objects.count() == 2


@pytest.mark.parametrize("text", ["a: &a [1]\nb: *a", "!!python/object:os.system {}", "a: [", "- {" * 500])
def test_yaml_that_cannot_be_kept_is_400(world, engineer, text):
    answer = engineer.generic("POST", "/api/v1/config-bundles/", text, content_type="application/yaml")

    assert (answer.status_code, answer.json()["code"]) == (400, "PARSE_ERROR")


def test_yaml_decimals_stay_as_they_were_written():
    parsed = parsers.YAMLParser().parse(BytesIO(b"price: 0.10\nday: 2024-01-01\nlots: 3\nis_on: true\n"))

    assert parsed == {"price": "0.10", "day": "2024-01-01", "lots": 3, "is_on": True}


def test_gates_are_asked_for(world, engineer):
    answer = engineer.post(f"/api/v1/releases/{world.own.release.pk}/gates/", {"kinds": ["config_lint"]})

    assert answer.status_code == 202
    assert [gate["kind"] for gate in answer.json()] == ["config_lint"]


def test_a_limit_is_lowered_at_once_and_raised_by_a_second_person(world, as_user):
    client = as_user(world.own.people["risk owner"])
    body = {"scope": str(world.own.bot.scope_id), "kind": "order_quantity", "reason": "careful"}

    lowered = client.post("/api/v1/limits/", body | {"value": "1.5"})
    refused = client.post("/api/v1/limits/", body | {"value": "3"})
    asked = client.post("/api/v1/limits/raises/", body | {"value": "3"})
    vote = {"approve": True, "digest": asked.json()["digest"], "reason": "me again"}
    own_vote = client.post(f"/api/v1/limits/raises/{asked.json()['id']}/votes/", vote)

    assert (lowered.status_code, lowered.json()["value"]) == (200, "1.5")
    assert (refused.status_code, refused.json()["code"]) == (409, "LIMIT_RAISE_NEEDS_SECOND_PERSON")
    assert asked.status_code == 201
    assert (own_vote.status_code, own_vote.json()["code"]) == (403, "VOTE_EXCLUDED")
    assert Limit.objects.get(pk=world.own.limit.pk).value == Decimal("1.5")


def test_a_hold_is_placed_by_one_and_lifted_by_two(world, as_user):
    people = [world.own.people[role] for role in ("trader", "operator")]
    trader, operator = (sign_in_again(as_user(person), person) for person in people)
    body = {"scope": str(world.own.desk.scope_id), "level": "HALTED", "reason": "odd fills"}

    hold = trader.post("/api/v1/holds/", body).json()
    path = f"/api/v1/holds/{hold['id']}/"
    asked = trader.post(f"{path}release/", {"to": "ACTIVE", "reason": "explained"}).json()
    vote = {"approve": True, "digest": asked["release_digest"], "reason": "agreed"}
    by_requester = trader.post(f"{path}votes/", vote)
    stands = Hold.objects.get(pk=hold["id"]).state
    by_second = operator.post(f"{path}votes/", vote)

    assert hold["latched_at"]
    assert (by_requester.status_code, by_requester.json()["code"]) == (403, "VOTE_EXCLUDED")
    assert stands == "active"
    assert by_second.json()["state"] == "released"


def test_an_alert_is_acknowledged_with_its_reason_in_the_record(world, as_user):
    operator = world.own.people["operator"]

    as_user(operator).post(f"/api/v1/alerts/{world.own.alert.pk}/acknowledge/", {"reason": "looking"})

    record = Record.objects.get(act="alert.acknowledged")
    assert (record.actor, record.reason) == (f"user:{operator.pk}", "looking")
    assert Alert.objects.get(pk=world.own.alert.pk).state == "acknowledged"


def test_a_break_is_resolved_with_what_was_found(world, as_user):
    path = f"/api/v1/breaks/{getattr(world.own, 'break').pk}/resolve/"

    answer = as_user(world.own.people["operator"]).post(path, {"reason": "a late fee"})

    assert (answer.status_code, answer.json()["resolution"]) == (200, "a late fee")
    assert Break.objects.get(pk=answer.json()["id"]).state == "resolved"


def test_a_run_is_asked_for(world, as_user):
    answer = as_user(world.own.people["operator"]).post(
        "/api/v1/reconciliation-runs/", {"account": world.own.account.name}
    )

    assert (answer.status_code, answer.json()["state"], answer.json()["trigger"]) == (202, "due", "person")


def test_nobody_grants_a_role_to_themselves(world, as_user):
    administrator = world.own.people["administrator"]
    body = {"role": "trader", "scope": str(world.own.desk.scope_id), "reason": "handy"}

    answer = as_user(administrator).post(f"/api/v1/users/{administrator.pk}/grants/", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "OWN_ROLE_GRANT")
    assert RoleGrant.objects.filter(user=administrator).count() == 1


def test_a_granted_role_works_and_a_revoked_one_does_not(world, as_user):
    administrator = as_user(world.own.people["administrator"])
    path = f"/api/v1/users/{world.outsider.pk}/grants/"
    bot = f"/api/v1/bots/{world.own.bot.pk}/"

    grant = administrator.post(
        path, {"role": "auditor", "scope": str(world.own.desk.scope_id), "reason": "year end"}
    ).json()
    seen = as_user(world.outsider).get(bot).status_code
    revoked = administrator.post(f"{path}{grant['id']}/revoke/", {"reason": "done"})

    assert (seen, revoked.status_code) == (200, 204)
    assert as_user(world.outsider).get(bot).status_code == 404


def test_a_revoked_token_stays_out(world, as_user):
    answer = as_user(world.firm_administrator).post(f"/api/v1/tokens/{world.own.token.pk}/revoke/", {})

    assert answer.json()["revoked_at"]
    assert Token.objects.get(pk=world.own.token.pk).revoked_at is not None


def test_a_person_is_made_with_a_password_that_is_not_weak(world, as_user):
    client = as_user(world.firm_administrator)
    body = {"username": "ada", "display_name": "Ada", "kind": "person", "password": "short"}

    weak = client.post("/api/v1/users/", body)
    made = client.post("/api/v1/users/", body | {"password": "a long enough phrase"})

    assert (weak.status_code, weak.json()["code"]) == (422, "PASSWORD_WEAK")
    assert made.status_code == 201
    assert "password" not in made.json()
