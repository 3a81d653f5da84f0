"""Gates through the API: reports of CI by token, waivers of two people, definitions, baselines."""

import pytest
from rest_framework.test import APIClient

from apps.access import services as access
from apps.audit.context import acting
from apps.audit.models import Record
from apps.releases import services
from apps.releases.models import Baseline, Gate, GateDefinition, GateWaiver
from tests.access.proofs import sign_in_again
from tests.api.test_market_votes import client_of
from tests.api.world import ARRANGE, person

GATES = "/api/v1/gates/"
REPORT = {
    "figures": {"passed": 120, "failed": 0},
    "tool": "pytest 8",
    "uri": "https://ci.example/7",
    "evidence_sha256": "ab" * 32,
}
RED = REPORT | {"figures": {"passed": 119, "failed": 1}}
LINT = {"kind": "config_lint", "thresholds": {"problems_max": 0}, "valid_for_h": 5, "reporter": "worker", "reason": "x"}


def machine(scope, permissions, name="ci-bot"):
    """A client with a token of a CI account on `scope`."""
    found = access.make_service_account(username=name, display_name=name, **ARRANGE)
    access.grant_role(user=found, role="ci", scope=scope, **ARRANGE)
    _, secret = access.make_token(user=found, name="ci", permissions=permissions, expires_in_h=1, **ARRANGE)
    client = APIClient(raise_request_exception=False)
    client.default_format = "json"
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def ci(world):
    """CI of the own desk, with a token that may build."""
    return machine(world.own.desk.scope, ["view_scope", "build"])


@pytest.fixture
def gate(world):
    """Integration tests that CI has to report."""
    return services.request_gates(release=world.own.release, kinds=["integration"], **ARRANGE)[0]


def post(client, path, body, **headers):
    return client.post(f"{GATES}{path}", body, format="json", **headers)


def test_ci_reports_by_token_and_is_judged_here(ci, gate):
    answer = post(ci, f"{gate.pk}/report/", REPORT)

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["definition_version"]) == ("passed", 1)
    assert answer.json()["report"]["uri"] == "https://ci.example/7"
    assert post(ci, f"{gate.pk}/report/", RED).json()["state"] == "failed"


def test_one_key_is_one_report(ci, gate):
    first = post(ci, f"{gate.pk}/report/", REPORT, HTTP_IDEMPOTENCY_KEY="ci-build-0007")
    again = post(ci, f"{gate.pk}/report/", REPORT, HTTP_IDEMPOTENCY_KEY="ci-build-0007")
    other = post(ci, f"{gate.pk}/report/", RED, HTTP_IDEMPOTENCY_KEY="ci-build-0007")

    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert Record.objects.filter(object_id=gate.pk, act="gate.passed").count() == 1


def test_a_person_reports_nothing(world, as_user, gate):
    answer = post(as_user(world.own.people["engineer"]), f"{gate.pk}/report/", REPORT)

    assert (answer.status_code, answer.json()["code"]) == (403, "REPORT_BY_PERSON")
    assert Gate.objects.get(pk=gate.pk).state == "pending"


def test_a_token_without_build_reports_nothing(world, gate):
    answer = post(machine(world.own.desk.scope, ["view_scope"]), f"{gate.pk}/report/", REPORT)

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert Gate.objects.get(pk=gate.pk).state == "pending"


def test_ci_of_another_desk_finds_no_such_gate(world, gate):
    assert (
        post(machine(world.other.desk.scope, ["view_scope", "build"]), f"{gate.pk}/report/", REPORT).status_code == 404
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"figures": {"passed": -1, "failed": 0}}, "GATE_FIGURES"),
        ({"figures": []}, "GATE_FIGURES"),
        ({"uri": "javascript:alert(1)"}, "VALIDATION_FAILED"),
        ({"evidence_sha256": "none"}, "VALIDATION_FAILED"),
        ({"tool": ""}, "VALIDATION_FAILED"),
    ],
)
def test_a_malformed_report_changes_nothing(ci, gate, change, code):
    answer = post(ci, f"{gate.pk}/report/", REPORT | change)

    assert answer.json()["code"] == code
    assert Gate.objects.get(pk=gate.pk).state == "pending"


def test_two_people_waive_and_one_takes_it_back(world, ci, gate):
    post(ci, f"{gate.pk}/report/", RED)
    trader, risk = client_of(world.own.people["trader"]), client_of(world.own.people["risk owner"])

    asked = trader.post(f"{GATES}{gate.pk}/waive/", {"hours": 2, "reason": "a flaky runner"})
    ballot = {"approve": True, "digest": asked.json()["digest"], "reason": "I looked"}
    voted = risk.post(f"{GATES}waivers/{asked.json()['id']}/votes/", ballot)

    assert (asked.status_code, asked.json()["vote_state"]) == (201, "open")
    assert (voted.status_code, voted.json()["vote_state"]) == (200, "granted")
    assert trader.get(f"{GATES}{gate.pk}/").json()["state"] == "waived"
    trader.post(f"{GATES}waivers/{asked.json()['id']}/withdraw/", {"reason": "it is no flake"})
    assert Gate.objects.get(pk=gate.pk).state == "expired"


def test_a_sign_in_of_long_ago_asks_for_no_waiver(world, ci, gate):
    post(ci, f"{gate.pk}/report/", RED)
    stale = client_of(world.own.people["trader"], ago_s=100_000)

    answer = stale.post(f"{GATES}{gate.pk}/waive/", {"hours": 2, "reason": "x"})

    assert answer.json()["code"] == "STEP_UP_REQUIRED"
    assert GateWaiver.objects.filter(gate=gate).count() == 0


def test_a_sign_in_of_long_ago_votes_on_none(world):
    stale = sign_in_again(client_of(world.own.people["risk owner"]), world.own.people["risk owner"], ago_s=100_000)
    body = {"approve": True, "digest": world.own.waiver.consent.digest, "reason": "x"}

    answer = stale.post(f"{GATES}waivers/{world.own.waiver.pk}/votes/", body)

    assert answer.json()["code"] == "STEP_UP_REQUIRED"
    assert not world.own.waiver.consent.votes.exists()


def test_a_risk_owner_of_the_firm_sets_the_next_version(world):
    with acting(**ARRANGE):
        rita = person("rita", "risk owner", world.firm.scope)

    answer = client_of(rita).post(f"{GATES}definitions/", LINT)

    assert (answer.status_code, answer.json()["version"], answer.json()["valid_for_h"]) == (201, 2, 5)
    found = client_of(rita).get(f"{GATES}definitions/?kind=config_lint").json()["results"]
    assert [row["version"] for row in found] == [2, 1]


def test_a_risk_owner_of_a_desk_sets_nothing_for_all(world):
    answer = client_of(world.own.people["risk owner"]).post(f"{GATES}definitions/", LINT)

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert GateDefinition.objects.filter(kind="config_lint").count() == 1


def test_a_baseline_without_a_run_is_refused(world, as_user, gate):
    body = {"gate": str(gate.pk), "reason": "x"}

    answer = as_user(world.own.people["trader"]).post("/api/v1/baselines/", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "BASELINE_NO_RUN")
    assert Baseline.objects.count() == 2


def test_gates_are_found_by_release_kind_and_state(world, as_user, gate):
    client = as_user(world.own.people["engineer"])

    found = client.get(f"{GATES}?release={world.own.release.pk}&kind=integration&state=pending").json()["results"]

    assert [row["id"] for row in found] == [str(gate.pk)]
    assert client.get(f"{GATES}?state=waived").json()["results"] == []
