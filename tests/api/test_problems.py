"""Every error is a problem with a stable code (RFC 9457)."""

import json

import pytest
from django.db import IntegrityError, OperationalError
from django.test import Client
from rest_framework.test import APIClient

from apps.access import services as access
from apps.access.models import Desk
from apps.common.api import problems

UNKEEPABLE = [
    b"{",
    b"\xff\xfe",
    b'{"name": NaN}',
    b'{"name": "a", "name": "b"}',
    b'{"name": "nul\\u0000"}',
    b'{"name": "\\ud800"}',
    b"[" * 100_000,
    b'{"name": ' + b'{"a":' * 60 + b"1" + b"}" * 61,
]
BODY_FIELDS = {"type", "title", "status", "detail", "code", "request_id"}


def assert_problem(answer, status, code):
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = json.loads(answer.content)
    assert set(body) >= BODY_FIELDS
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)


def test_without_sign_in_it_is_401(db):
    answer = APIClient().get("/api/v1/bots/")

    assert_problem(answer, 401, "NOT_AUTHENTICATED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_wrong_token_is_401(db):
    answer = APIClient().get("/api/v1/bots/", headers={"Authorization": "Bearer qd_none_wrong"})

    assert_problem(answer, 401, "AUTHENTICATION_FAILED")


@pytest.mark.parametrize("path", ["/api/v1/nonsense/", "/api/v1/bots/x/y/z/", "/api/v1/"])
def test_an_unknown_address_is_404(db, path):
    assert_problem(APIClient().get(path), 404, "ROUTE_UNKNOWN")


def test_an_unknown_object_is_404(world, as_user):
    client = as_user(world.firm_administrator)

    assert_problem(client.get("/api/v1/bots/nonsense/"), 404, "NOT_FOUND")
    assert_problem(client.get("/api/v1/bots/01980000-0000-7000-8000-000000000001/"), 404, "NOT_FOUND")


def test_a_method_that_is_not_served_is_405(world, as_user):
    assert_problem(as_user(world.firm_administrator).delete("/api/v1/bots/"), 405, "METHOD_NOT_ALLOWED")


def test_json_that_cannot_be_kept_is_400(world, as_user):
    client = as_user(world.firm_administrator)

    for raw in UNKEEPABLE:
        answer = client.generic("POST", "/api/v1/desks/", raw, content_type="application/json")
        assert_problem(answer, 400, "PARSE_ERROR")


def test_a_body_beyond_the_bound_is_413(world, as_user):
    raw = json.dumps({"name": "x" * 1_100_000})

    answer = as_user(world.firm_administrator).generic("POST", "/api/v1/desks/", raw, content_type="application/json")

    assert_problem(answer, 413, "BODY_TOO_LARGE")
    assert Desk.objects.count() == 2


def test_another_media_type_is_415(world, as_user):
    answer = as_user(world.firm_administrator).generic("POST", "/api/v1/desks/", "<a/>", content_type="application/xml")

    assert_problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("body", [[], "text", 5, None])
def test_a_body_that_is_no_object_is_refused(world, as_user, body):
    answer = as_user(world.firm_administrator).post("/api/v1/desks/", body, format="json")

    assert_problem(answer, 422, "VALIDATION_FAILED")


def test_a_taken_name_is_refused(world, as_user):
    assert_problem(as_user(world.firm_administrator).post("/api/v1/desks/", {"name": "own"}), 422, "DESK_NAME_TAKEN")


def test_a_session_needs_its_csrf_token(world):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.firm_administrator, backend="django.contrib.auth.backends.ModelBackend")

    answer = client.post("/api/v1/desks/", {"name": "rates"}, content_type="application/json")

    assert_problem(answer, 403, "PERMISSION_DENIED")
    assert not Desk.objects.filter(name="rates").exists()


def test_a_token_works_from_outside(world):
    _, secret = access.make_token(
        user=world.own.people["service account"],
        name="ci",
        permissions=["view_scope"],
        expires_in_h=1,
        actor="job:test",
        reason="arrange",
    )
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})

    assert [row["name"] for row in client.get("/api/v1/bots/").json()["results"]] == [world.own.bot.name]
    assert client.post("/api/v1/orders/", {}, format="json", HTTP_IDEMPOTENCY_KEY="k" * 8).status_code == 422


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OperationalError("gone"), 503, "DATABASE_UNAVAILABLE"),
        (IntegrityError("odd"), 500, "SERVER_ERROR"),
        (RuntimeError("secret detail"), 500, "SERVER_ERROR"),
    ],
)
def test_a_failure_of_ours_says_nothing_of_its_inside(error, status, code):
    answer = problems.handle(error, {})

    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert str(error) not in str(answer.data)


@pytest.mark.parametrize("address", ["no/such/", "signals/a%0Ab/", "%0A"])
def test_an_address_that_nothing_serves_is_a_problem_for_unsafe_calls_too(db, address):
    answer = Client(enforce_csrf_checks=True).post(f"/api/v1/{address}", {}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (404, "ROUTE_UNKNOWN")
    assert answer.headers["Content-Type"] == "application/problem+json"
