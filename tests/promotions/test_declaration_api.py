"""Declarations over REST: text or JSON in, problems with lines out."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.access.models import User
from apps.promotions.models import Declaration
from tests.builders import Team, make_team
from tests.promotions import declared as d


@pytest.fixture
def lead(team: Team) -> User:
    """Somebody who may build and set limits."""
    return d.arrange(team)


def client(user: User) -> APIClient:
    """Speaks for them."""
    found = APIClient(raise_request_exception=False)
    found.force_authenticate(User.objects.get(pk=user.pk))
    return found


def at(team: Team, verb: str = "") -> str:
    """The address."""
    return f"/api/v1/bots/{team.bot.pk}/declaration/{verb}"


def send(team: Team, user: User, verb: str, raw: bytes, kind: str = "text/yaml", **headers: Any) -> Any:
    """The answer to a body that is the text itself."""
    return client(user).generic("POST", at(team, verb), raw, content_type=kind, **headers)


def test_a_text_is_planned_and_applied_by_its_digest(team: Team, lead: User) -> None:
    raw = d.written(d.declared(team) | {"parameters": {"n": 2}})
    plan = send(team, lead, "plan/", raw).json()
    assert [line["path"] for line in plan["lines"]] == ["code", "parameters.n"]
    assert (plan["is_empty"], plan["demands"]) == (False, [])
    assert not Declaration.objects.exists()

    answer = send(team, lead, f"apply/?digest={plan['digest']}&reason=reviewed", raw)

    assert answer.status_code == 200, answer.json()
    assert (answer.json()["number"], answer.json()["applied_by_name"]) == (1, "Lead")
    assert Declaration.objects.get().text.encode() == raw


def test_json_around_the_text_does_the_same(team: Team, lead: User) -> None:
    text = d.written(d.declared(team)).decode()
    api = client(lead)
    plan = api.post(at(team, "plan/"), {"text": text}, format="json").json()

    body = {"text": text, "digest": plan["digest"], "reason": "reviewed"}
    answer = api.post(at(team, "apply/"), body, format="json", HTTP_IDEMPOTENCY_KEY="a-key-of-ci")

    assert (plan["is_empty"], answer.status_code) == (True, 200)


def test_what_is_wrong_comes_back_with_lines(team: Team, lead: User) -> None:
    answer = send(
        team, lead, "validate/", b"apiVersion: quarterdeck/v1\nbot: {name: alpha-bot}\nlimits:\n  position: 0.5\n"
    )

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "DECLARATION_INVALID")
    [failure] = problem["context"]["failures"]
    assert (failure["line"], failure["path"], failure["code"]) == (4, "limits.position", "TYPE_WRONG")
    assert failure["fix"] == 'write it as a string: "0.5"'


def test_a_text_that_cannot_be_read_is_a_problem(team: Team, lead: User) -> None:
    for raw, code in (
        (b"a: \xff", "DOCUMENT_ENCODING"),
        ("a: 1".encode("utf-16"), "DOCUMENT_UTF16"),
        (b"# nothing", "DOCUMENT_EMPTY"),
    ):
        answer = send(team, lead, "validate/", raw)

        assert answer.status_code == 422, raw
        assert answer.json()["context"]["failures"][0]["code"] == code, raw


def test_a_body_that_is_too_large_is_not_read(team: Team, lead: User) -> None:
    assert send(team, lead, "plan/", b"a: " + b"x" * 200_000).status_code == 413


def test_doubts_do_not_keep_a_declaration_from_being_valid(team: Team, lead: User) -> None:
    answer = send(team, lead, "validate/", d.written(d.declared(team)))

    assert answer.json()["valid"] is True
    assert {one["code"] for one in answer.json()["warnings"]} == {"LIMIT_MISSING"}


def test_the_plan_says_what_keeps_the_caller_from_applying_it(team: Team, lead: User) -> None:
    raw = d.written(d.declared(team) | {"limits": {"position": "1"}})

    [demand] = send(team, team.engineer, "plan/", raw).json()["demands"]

    assert (demand["path"], demand["code"]) == ("limits.position", "PERMISSION_DENIED")


def test_applying_limits_without_the_permission_is_refused_whole(team: Team, lead: User) -> None:
    raw = d.written(d.declared(team) | {"limits": {"position": "1"}, "parameters": {"n": 2}})
    digest = send(team, team.engineer, "plan/", raw).json()["digest"]

    answer = send(team, team.engineer, f"apply/?digest={digest}&reason=reviewed", raw)

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert answer.json()["context"]["failures"][0]["path"] == "limits.position"
    assert not Declaration.objects.exists()


def test_a_stale_plan_is_a_conflict(team: Team, lead: User) -> None:
    answer = send(team, lead, f"apply/?digest={'0' * 64}&reason=reviewed", d.written(d.declared(team)))

    assert (answer.status_code, answer.json()["code"]) == (409, "PLAN_STALE")


def test_what_stands_is_shown_with_drift_and_as_a_file(team: Team, lead: User) -> None:
    api = client(lead)
    shown = api.get(at(team)).json()
    assert (shown["declaration"], shown["drift"]) == (None, [])
    d.apply(team, shown["export"].encode(), lead)
    d.set_first(team, "position", "5", lead)

    shown = api.get(at(team)).json()

    assert (shown["declaration"]["number"], shown["drift"][0]["path"]) == (1, "limits.position")
    assert shown["drift"][0]["by"] == f"user:{team.risk_owner.pk}"
    file = api.get(at(team, "export/"), HTTP_ACCEPT="text/yaml")
    assert file["Content-Type"].startswith("text/yaml")
    assert d.plan(team, file.content).lines == ()


def test_what_was_applied_is_listed_and_kept_with_its_text(team: Team, lead: User) -> None:
    d.apply(team, d.declared(team), lead)
    api = client(team.engineer)

    [row] = api.get(at(team, "history/")).json()["results"]

    assert "text" not in row
    assert "apiVersion" in api.get(at(team, "history/1/")).json()["text"]
    assert api.get(at(team, "history/2/")).status_code == 404


def test_accounts_of_other_desks_are_not_told_apart_from_unknown_ones(team: Team, lead: User) -> None:
    other = make_team("beta")
    answers = []
    for name in (other.account.name, "no-such-account"):
        wanted = d.declared(team)
        wanted["config"]["accounts"] = [name]
        [failure] = send(team, lead, "validate/", d.written(wanted)).json()["context"]["failures"]
        answers.append(failure["problem"].replace(name, "NAME"))

    assert answers[0] == answers[1]


def test_schemas_are_published_by_name(team: Team, lead: User) -> None:
    api = client(lead)
    names = [row["name"] for row in api.get("/api/v1/json-schemas/").json()]

    assert names == ["declaration", "config-bundle", "parameters"]
    assert api.get("/api/v1/json-schemas/declaration/").json()["$id"] == "urn:quarterdeck:schema:declaration:v1"
    assert api.get("/api/v1/json-schemas/nothing/").status_code == 404


def test_the_schema_of_parameters_comes_with_the_code_within_reach(team: Team, lead: User) -> None:
    code = team.bot.code_versions.get()
    address = f"/api/v1/json-schemas/parameters/?code_version={code.pk}"
    other = make_team("beta")

    assert client(lead).get(address).json() == code.parameter_schema
    assert client(other.engineer).get(address).status_code == 404
