"""Every route and socket × every role × own and other desk: nobody gets further than their roles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver, path, reverse
from django.urls.resolvers import RegexPattern, URLResolver
from rest_framework.test import APIClient

from apps.access.models import User
from apps.access.roles import ROLES as PERMISSIONS
from apps.access.states import Permission
from apps.console import topics
from apps.console.routing import websocket_urlpatterns
from tests.access.matrix import ACT, API, CONSOLE, FIRM, HIDDEN, LIST, OPEN, SHARED, SOCKETS, Rule
from tests.api.routes import Route, routes
from tests.api.world import ROLES, Side, World, make_world

ALLOWED, FORBIDDEN, UNKNOWN, SIGN_IN, FAILED = "allowed", "forbidden", "not found", "sign in", "failed"
SIGN_IN_PAGE = "/accounts/login/"
NOT_MARKERS = {"instrument", "dataset", "feed", "venue", "policy", "member", "gate_definition"}
# Users whose own things these are, whatever their roles: a service account sees its own tokens.
MACHINES = ("token-detail", "token-revoke", "token-rotate", "workload-trust-detail", "workload-trust-revoke")
OWNERS = dict.fromkeys(MACHINES, "service account")
# Who owns or backs a bot may hand it over, whatever their roles.
BOT_OWNERS = {"engineer", "trader"}
HAND_OVERS = {"bot-hand-over", "user-hand-over", "bot_hand_over", "person_hand_over"}


@dataclass(frozen=True)
class Who:
    """Somebody: a role on the own desk or on the firm, or nobody."""

    role: str
    place: str
    user: User | None

    @property
    def permissions(self) -> set[str]:
        """What the role holds where it was granted."""
        return set(PERMISSIONS.get({"service account": "bot"}.get(self.role, self.role), ()))

    def reaches(self, side: str) -> bool:
        """Whether the role is granted above that desk's things."""
        return self.place == "firm" or self.place == side


CAST = (*ROLES, "service account", "firm administrator", "outsider", "anonymous")


def who_is(world: World, name: str) -> Who:
    """The person of that name in the cast."""
    if name == "anonymous":
        return Who(name, "nowhere", None)
    if name == "outsider":
        return Who(name, "nowhere", world.outsider)
    if name == "firm administrator":
        return Who("administrator", "firm", world.firm_administrator)
    return Who(name, "own", world.own.people[name])


def expected(rule: Rule, who: Who, side: str) -> str:
    """What the table says happens."""
    if rule.kind == OPEN:
        return ALLOWED
    if who.user is None:
        return SIGN_IN
    held = who.permissions & set(rule.permissions) or (rule.name in HAND_OVERS and who.role in BOT_OWNERS)
    if rule.kind == LIST:
        return ALLOWED if held or not rule.permissions else FORBIDDEN
    if rule.kind == SHARED:
        return ALLOWED if Permission.VIEW in who.permissions else UNKNOWN
    if rule.kind == FIRM:
        return ALLOWED if held and who.place == "firm" else FORBIDDEN
    if rule.kind == HIDDEN:
        return _of_the_firm(rule, who, side)
    if not who.reaches(side):
        return UNKNOWN
    return ALLOWED if held else FORBIDDEN if rule.kind == ACT else UNKNOWN


def _of_the_firm(rule: Rule, who: Who, side: str) -> str:
    if who.place == "firm":
        return ALLOWED
    knows = Permission.VIEW in who.permissions if Permission.VIEW in rule.permissions else False
    owns = OWNERS.get(rule.name) == who.role and side == "own"
    if rule.method == "get":
        return ALLOWED if owns else UNKNOWN
    return FORBIDDEN if owns or knows else UNKNOWN


def verdict(rule: Rule, response: HttpResponse) -> str:
    """What happened."""
    if response.status_code == 401 or response.headers.get("Location", "").startswith(SIGN_IN_PAGE):
        return ALLOWED if rule.kind == OPEN else SIGN_IN
    if rule.kind == OPEN:
        return FAILED if response.status_code == 500 else ALLOWED
    found = {403: FORBIDDEN, 404: UNKNOWN}.get(response.status_code, ALLOWED)
    return FAILED if response.status_code >= 500 else found


def markers(side: Side) -> set[str]:
    """What must not show to another desk: names and ids of its things."""
    kept = {name: found for name, found in side.objects.items() if name not in NOT_MARKERS}
    return {str(found.pk) for found in kept.values()} | {side.bot.name, side.account.name}


def text_of(response: Any) -> str:
    """Everything that the answer shows."""
    parts = response.streaming_content if response.streaming else [response.content]
    return b"".join(parts).decode()


def call(client: Any, rule: Rule, side: Side) -> tuple[HttpResponse, str]:
    """Make the call and undo what it did; the answer and its text."""
    url = rule.name if rule.name in ("healthz", "readyz", "metrics") else _url(rule, side)
    body = rule.body(side)
    values = {"reason": "matrix"} | body if body else {}
    with transaction.atomic():
        if rule.method == "get":
            response = client.get(f"/{url.lstrip('/')}")
        elif isinstance(client, APIClient):
            kind = "multipart" if rule.is_upload else "json"
            response = client.post(url, values, format=kind, HTTP_IDEMPOTENCY_KEY="matrix-key")
        else:
            response = client.post(url, values)
        text = text_of(response)
        transaction.set_rollback(True)
    return response, text


def _url(rule: Rule, side: Side) -> str:
    if rule.name == "unknown-route":
        return "/api/v1/no/such/route/"
    if rule.name == "account_confirm_email":
        return reverse(rule.name, args=["key"])
    if rule.name == "account_reset_password_from_key":
        return reverse(rule.name, kwargs={"uidb36": "1", "key": "x-y"})
    return reverse(rule.name, kwargs=rule.kwargs(side))


def client_of(who: Who, *, is_api: bool) -> Any:
    """A client that acts as them."""
    client = APIClient(raise_request_exception=False) if is_api else Client(raise_request_exception=False)
    if who.user is not None and is_api:
        client.force_authenticate(User.objects.get(pk=who.user.pk))
    elif who.user is not None:
        client.force_login(who.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def leaks(who: Who, rules: Iterable[Rule], world: World, *, is_api: bool) -> Iterator[str]:
    """Every answer that differs from the table, and every sight of another desk's things."""
    client, hidden = client_of(who, is_api=is_api), markers(world.other)
    for rule in rules:
        for side in ("own",) if rule.kind in (OPEN, LIST, FIRM) else ("own", "other"):
            response, text = call(client, rule, getattr(world, side))
            wanted, got = expected(rule, who, side), verdict(rule, response)
            if wanted != got:
                yield f"{rule.method} {rule.name} on {side}: {got} ({response.status_code}), not {wanted}"
            if side == "own" and not who.reaches("other") and any(mark in text for mark in hidden):
                yield f"{rule.method} {rule.name} shows another desk's things"


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Any) -> World:
    """Two desks with one of everything each."""
    settings.DATASET_ROOT = tmp_path
    return make_world(tmp_path)


@pytest.mark.parametrize("name", CAST)
def test_api_lets_nobody_further_than_their_roles(world, name):
    assert list(leaks(who_is(world, name), API, world, is_api=True)) == []


@pytest.mark.parametrize("name", [name for name in CAST if name != "service account"])
def test_pages_let_nobody_further_than_their_roles(world, name):
    assert list(leaks(who_is(world, name), CONSOLE, world, is_api=False)) == []


@pytest.mark.parametrize("name", [name for name in CAST if name != "anonymous"])
def test_sockets_tell_nobody_of_other_desks(world, name):
    who = who_is(world, name)
    for side in ("own", "other"):
        things = {f"bot:{getattr(world, side).bot.pk}", f"promotion:{getattr(world, side).promotion.pk}"}
        assert topics.may_follow(who.user, things) == (things if who.reaches(side) else set())


def unlisted(found: Iterable[Route]) -> list[str]:
    """Routes that the table does not know."""
    known = {(rule.name, rule.method) for rule in (*API, *CONSOLE)}
    names = {name for name, _ in known}
    return [
        f"{route.method} {route.path}"
        for route in found
        if ((route.name, route.method) not in known and route.path.startswith("api/") and route.method != "*")
        or route.name not in names
    ]


def test_every_route_is_in_the_table():
    assert unlisted(routes()) == []


def test_every_socket_is_in_the_table():
    assert {str(pattern.pattern) for pattern in websocket_urlpatterns} == SOCKETS


def test_a_planted_route_is_reported():
    planted: list[URLPattern | URLResolver] = [path("planted/", lambda request: HttpResponse(), name="planted")]
    resolver = URLResolver(RegexPattern(r"^/"), [*get_resolver().url_patterns, *planted])

    assert unlisted(routes(resolver)) == ["* planted/"]


def test_a_planted_method_is_reported():
    method = Route("bot-detail", "api/v1/^bots/(?P<pk>[^/.]+)/$", "delete", None)

    assert unlisted([*routes(), method]) == [f"delete {method.path}"]


def test_a_planted_leak_is_reported(world, monkeypatch):
    monkeypatch.setattr("apps.access.selectors.within", lambda rows, user, field, permission="": rows)
    rules = [rule for rule in API if rule.name in ("bot-list", "bot-detail") and rule.method == "get"]

    found = list(leaks(who_is(world, "engineer"), rules, world, is_api=True))

    assert len(found) == 2
