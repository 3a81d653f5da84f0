"""A bot's declaration on its page: drift, the plan before it is applied, and what was declared before."""

import html

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.access.models import User
from apps.promotions.models import Declaration
from tests.builders import Team
from tests.promotions import declared as d


@pytest.fixture
def lead(team: Team) -> User:
    """Somebody who may build and set limits."""
    return d.arrange(team)


def page(user: User) -> Client:
    """A browser in which they are signed in."""
    found = Client()
    found.force_login(User.objects.get(pk=user.pk), backend="django.contrib.auth.backends.ModelBackend")
    return found


def at(team: Team, verb: str = "") -> str:
    """The address."""
    return f"/bots/{team.bot.name}/declaration/{verb}"


def text(answer: object) -> str:
    """What the answer shows."""
    return html.unescape(answer.content.decode())  # type: ignore[attr-defined]


def test_a_bot_that_nobody_declared_says_so(team: Team, lead: User) -> None:
    shown = text(page(lead).get(at(team)))

    assert "Nobody has declared this bot." in shown
    assert "Check and plan" in shown
    assert f"/bots/{team.bot.name}/declaration/quarterdeck.yaml" in shown


def test_a_file_is_planned_widened_limits_first_and_nothing_is_stored(team: Team, lead: User) -> None:
    wanted = d.declared(team) | {"limits": {"position": "3", "order_quantity": "0.5"}, "parameters": {"n": 2}}
    file = SimpleUploadedFile("quarterdeck.yaml", d.written(wanted))

    shown = text(page(lead).post(at(team, "plan/"), {"form": "declare", "file": file}))

    assert "1 limit widens" in shown
    order = [shown.index(f">{path}<") for path in ("limits.position", "code", "limits.order_quantity", "parameters.n")]
    assert order == sorted(order)
    assert "▲ widens" in shown
    assert "◔ asks for consent" in shown
    assert not Declaration.objects.exists()


def test_the_plan_on_the_page_is_applied_with_a_reason(team: Team, lead: User) -> None:
    wanted = d.written(d.declared(team) | {"limits": {"position": "3"}})
    values = {"form": "declare", "text": wanted.decode().replace("\n", "\r\n"), "digest": d.plan(team, wanted).digest}

    shown = text(page(lead).post(at(team, "apply/"), values | {"reason": "a larger book"}, follow=True))

    assert "Declaration 1 is applied; 1 limits wait for another person" in shown
    assert "◔ waits for consent" in shown
    assert "“a larger book”" in shown
    assert Declaration.objects.get().applied_by == lead


def test_what_is_wrong_is_shown_by_line_and_what_was_typed_stays(team: Team, lead: User) -> None:
    typed = f"apiVersion: quarterdeck/v1\nbot: {{name: {team.bot.name}}}\nlimits:\n  position: 0.5\n"

    answer = page(lead).post(at(team, "plan/"), {"form": "declare", "text": typed})

    shown = text(answer)
    assert answer.status_code == 422
    assert "✕ TYPE_WRONG" in shown
    assert 'Write it as a string: "0.5"' in shown
    assert "position: 0.5" in shown


def test_who_may_not_apply_it_sees_why(team: Team, lead: User) -> None:
    wanted = d.written(d.declared(team) | {"limits": {"position": "1"}}).decode()

    shown = text(page(team.engineer).post(at(team, "plan/"), {"form": "declare", "text": wanted}))

    assert "You cannot apply it." in shown
    assert "somebody who may set limits applies it" in shown
    assert "Apply the declaration" not in shown


def test_a_stale_plan_is_refused_on_the_page(team: Team, lead: User) -> None:
    values = {"form": "declare", "text": d.written(d.declared(team)).decode(), "digest": "0" * 64, "reason": "x"}

    answer = page(lead).post(at(team, "apply/"), values)

    assert answer.status_code == 409
    assert "PLAN_STALE" in text(answer)
    assert not Declaration.objects.exists()


def test_drift_says_who_and_why(team: Team, lead: User) -> None:
    d.apply(team, d.declared(team), lead)
    d.set_first(team, "position", "5", lead)

    shown = text(page(team.engineer).get(at(team)))

    assert "1 thing not as declared" in shown
    assert "limits.position" in shown
    assert "Alpha-Risk" in shown


def test_two_declarations_are_compared(team: Team, lead: User) -> None:
    d.apply(team, d.declared(team), lead)
    d.apply(team, d.declared(team) | {"parameters": {"n": 2}}, lead)

    shown = text(page(lead).get(at(team) + "?before=1&after=2"))

    assert 'parameters.n<span class="visually-hidden"> changed' in shown
    assert "Compare with the one before" in shown


@pytest.mark.parametrize("query", ["?before=x&after=2", "?before=1&after=99", "?before=²&after=1", "?page=x"])
def test_a_junk_query_shows_the_page(team: Team, lead: User, query: str) -> None:
    d.apply(team, d.declared(team), lead)

    assert page(lead).get(at(team) + query).status_code == 200


def test_what_stands_is_downloaded(team: Team, lead: User) -> None:
    file = page(lead).get(at(team, "quarterdeck.yaml"))

    assert "attachment" in file["Content-Disposition"]
    assert d.plan(team, file.content).lines == ()
