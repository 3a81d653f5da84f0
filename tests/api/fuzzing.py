"""Calls that the published schema generates, made as several people against the product that serves them."""

import itertools
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as drawing
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as openapi

from apps.access import services as access
from apps.access.models import User
from apps.audit.context import acting
from controlplane.wsgi import application
from tests.api.world import ARRANGE, World

CHECKS = (
    schemathesis.checks.not_a_server_error,
    openapi.response_schema_conformance,
    openapi.content_type_conformance,
    openapi.status_code_conformance,
)
# A gate of the product that is shut, and says so, is no failure.
DOCUMENTED = {503}
# Where nobody signs in: what is sent proves itself.
UNSIGNED = {"/api/v1/token-exchange/", "/api/v1/signals/{source}/"}


@dataclass
class Caller:
    """Somebody who asks: the headers that prove who they are."""

    name: str
    headers: dict[str, str]
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def is_anonymous(self) -> bool:
        """Whether they prove nothing."""
        return not self.headers


@dataclass
class Played:
    """What came of the calls."""

    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def callers(world: World) -> list[Caller]:
    """Nobody, an engineer, a CI job, a risk owner and an administrator of the firm."""
    people = world.own.people
    machine = access.make_service_account(username="ci", display_name="CI", **ARRANGE)
    access.grant_role(user=machine, role="ci", scope=world.own.desk.scope, **ARRANGE)
    _, bearer = access.make_token(
        user=machine, name="fuzz", permissions=["view_scope", "build"], expires_in_h=24, **ARRANGE
    )
    return [
        Caller("anonymous", {}),
        _signed_in("engineer", people["engineer"]),
        Caller("ci", {"Authorization": f"Bearer {bearer}"}),
        _signed_in("risk owner", people["risk owner"]),
        _signed_in("administrator", world.firm_administrator),
    ]


def _signed_in(name: str, user: User) -> Caller:
    """What a browser sends in which the person is signed in."""
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.save()
    mark = secrets.token_hex(16)
    cookies = {settings.SESSION_COOKIE_NAME: session.session_key, settings.CSRF_COOKIE_NAME: mark}
    return Caller(name, {"X-CSRFToken": mark}, cookies)


def known_values(world: World) -> dict[str, list[str]]:
    """Names of parameters and fields, and values of them that exist: junk alone never gets past the first door."""
    found: dict[str, list[str]] = {}
    for side in (world.own, world.other):
        for name, target in side.objects.items():
            values = [str(target.pk)] + ([str(target.name)] if hasattr(target, "name") else [])
            found.setdefault(name, []).extend(values)
    found["user"] = [str(world.own.people["service account"].pk), "own-bot"]
    found["acts_as"] = ["own-bot"]
    found["role"] = ["engineer", "auditor"]
    found["symbol"] = ["BTC-USD"]
    found["digest"] = ["3" * 64]
    return found


def operations() -> list[Any]:
    """Every operation of the schema that the product publishes."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", application)
    return [result.ok() for result in schema.get_all_operations()]


def play(world: World, calls: int, seed_: int) -> Played:
    """Make `calls` calls, all operations alike, and judge every answer."""
    played, everybody, known = Played(), itertools.cycle(callers(world)), known_values(world)
    found = operations()
    each = max(1, -(-calls // len(found)))
    for operation in found:
        _play_one(operation, each, seed_, everybody, known, played)
    return played


def _play_one(
    operation: Any, each: int, seed_: int, everybody: Iterator[Caller], known: dict[str, list[str]], played: Played
) -> None:
    _revive()

    @seed(seed_)
    @drawing(
        max_examples=each,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), data=st.data())
    def run(case: Any, data: Any) -> None:
        _fill(case, known, data)
        _judge(case, next(everybody), played)

    run()


def _fill(case: Any, known: dict[str, list[str]], data: Any) -> None:
    """Put values that exist into some of the parameters and fields."""
    resource = case.operation.path.split("/")[3].rstrip("s").replace("-", "_")
    for place in (case.path_parameters, case.query, case.body):
        for name in sorted(place) if isinstance(place, dict) else []:
            values = known.get(resource if name in ("id", "pk") else name)
            if values and data.draw(st.booleans()):
                place[name] = data.draw(st.sampled_from(values))


def _judge(case: Any, caller: Caller, played: Played) -> None:
    case.headers.pop("Authorization", None)
    case.cookies.clear()
    response = case.call(headers=caller.headers, cookies=caller.cookies)
    played.calls += 1
    played.statuses[response.status_code] += 1
    where = f"{case.method} {case.path} as {caller.name}"
    if caller.is_anonymous and response.status_code < 400 and case.operation.path not in UNSIGNED:
        played.faults.append(f"{where}: answered {response.status_code} to nobody")
    if response.status_code in DOCUMENTED:
        return
    try:
        case.validate_response(response, checks=list(CHECKS))
    except FailureGroup as group:
        told = "; ".join(f"{failure.title}: {failure.message}"[:300] for failure in group.exceptions)
        played.faults.append(f"{where}: {response.status_code} {told}\n    body {case.body!r:.300}")


def _revive() -> None:
    """An administrator may have ended somebody's access: the next operation is played by all again."""
    with acting("job:fuzz", "the callers act again"):
        User.objects.filter(is_active=False).update(is_active=True)
