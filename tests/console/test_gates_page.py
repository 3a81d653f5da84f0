"""Gates on the release page, waivers and their votes, baselines, and what gates are measured against."""

import pytest

from apps.access import services as access
from apps.audit.context import acting
from apps.releases import services
from apps.releases.models import Gate, GateDefinition, GateWaiver
from tests.access.proofs import sign_in_again
from tests.api.world import ARRANGE, person

RED = {"figures": {"passed": 119, "failed": 1}, "tool": "pytest 8", "uri": "https://ci.example/7"}


@pytest.fixture
def failed(world):
    """Integration tests that failed."""
    gate = services.request_gates(release=world.own.release, kinds=["integration"], **ARRANGE)[0]
    machine = ci_account(world)
    return services.report_gate(gate=gate, actor=machine, reason="build 7", **RED)


def ci_account(world):
    """CI of the own desk."""
    found = access.make_service_account(username="page-ci", display_name="CI", **ARRANGE)
    access.grant_role(user=found, role="ci", scope=world.own.desk.scope, **ARRANGE)
    return found


def page(world):
    return f"/releases/{world.own.release.pk}/"


def by(signed_in, user):
    return sign_in_again(signed_in(user), user)


def test_a_failed_gate_shows_figures_thresholds_and_what_to_do(world, signed_in, failed):
    text = signed_in(world.own.people["engineer"]).get(page(world)).content.decode()

    assert "≤ 0" in text
    assert "What to do: mend the build" in text
    assert "reported by pytest 8" in text
    assert 'href="https://ci.example/7"' in text
    assert "definition 1" in text


def test_a_waiver_is_asked_for_and_agreed_to_on_the_page(world, signed_in, failed):
    trader, risk = world.own.people["trader"], world.own.people["risk owner"]
    asked = by(signed_in, trader).post(f"{page(world)}gates/{failed.pk}/waive/", {"hours": "2", "reason": "a flake"})
    assert asked.status_code == 302
    waiver = GateWaiver.objects.get(gate=failed)
    client = by(signed_in, risk)
    assert f'name="digest" value="{waiver.consent.digest}"' in client.get(page(world)).content.decode()

    values = {"digest": waiver.consent.digest, "verdict": "approve", "reason": "I looked"}
    client.post(f"{page(world)}waivers/{waiver.pk}/vote/", values)

    assert Gate.objects.get(pk=failed.pk).state == "waived"
    assert "although it did not pass" in client.get(page(world)).content.decode()


def test_who_asked_sees_no_ballot(world, signed_in, failed):
    trader = world.own.people["trader"]
    by(signed_in, trader).post(f"{page(world)}gates/{failed.pk}/waive/", {"hours": "2", "reason": "a flake"})
    waiver = GateWaiver.objects.get(gate=failed)

    assert waiver.consent.digest not in signed_in(trader).get(page(world)).content.decode()


def test_a_refused_waiver_stands_beside_its_form_with_what_was_typed(world, signed_in, failed):
    client = by(signed_in, world.own.people["trader"])

    answer = client.post(
        f"{page(world)}gates/{failed.pk}/waive/", {"hours": "900", "reason": "typed with care", "form": str(failed.pk)}
    )

    assert answer.status_code == 422
    assert "typed with care" in answer.content.decode()
    assert not GateWaiver.objects.filter(gate=failed).exists()


def test_an_auditor_sees_gates_and_no_forms(world, signed_in, failed):
    text = signed_in(world.own.people["auditor"]).get(page(world)).content.decode()

    assert "Integration tests" in text
    assert "Ask for a waiver" not in text
    assert "Accept as baseline" not in text


def test_definitions_show_their_history(world, signed_in):
    services.set_definition(
        kind="unit", thresholds={"failed_max": 0, "passed_min": 77}, valid_for_h=3, reporter="ci", **ARRANGE
    )

    text = signed_in(world.own.people["auditor"]).get("/gates/").content.decode()

    assert "version 2" in text
    assert "Versions before" in text
    assert "77" in text
    assert "Set the next version" not in text


def test_a_firm_risk_owner_sets_a_definition_on_the_page(world, signed_in):
    with acting(**ARRANGE):
        rita = person("rita", "risk owner", world.firm.scope)
    values = {
        "form": "unit", "kind": "unit", "thresholds": '{"failed_max": 0, "passed_min": 9}', "valid_for_h": "24",
        "reporter": "ci", "reason": "more tests now",
    }  # fmt: skip

    answer = by(signed_in, rita).post("/gates/set/", values)

    assert answer.status_code == 302
    assert GateDefinition.objects.get(kind="unit", version=2).thresholds["passed_min"] == 9


def test_thresholds_that_are_no_json_are_refused_beside_the_form(world, signed_in):
    with acting(**ARRANGE):
        rita = person("rita", "risk owner", world.firm.scope)
    values = {"form": "unit", "kind": "unit", "thresholds": "{", "valid_for_h": "1", "reporter": "ci", "reason": "x"}

    answer = by(signed_in, rita).post("/gates/set/", values)

    assert answer.status_code == 422
    assert "FORM_INVALID" in answer.content.decode()
    assert GateDefinition.objects.filter(kind="unit").count() == 1


def test_gates_that_are_not_open_are_asked_for_again(world, signed_in, failed):
    signed_in(world.own.people["engineer"]).post(f"{page(world)}gates/ask/", {"reason": "mended the runner"})

    assert Gate.objects.get(pk=failed.pk).state == "pending"
