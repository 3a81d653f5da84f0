"""The published schema is valid, complete and true; junk meets a refusal, never a failure."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from apps.access import services as access
from apps.access.models import User
from apps.access.roles import ROLES
from apps.audit.context import acting
from apps.execution.api.serializers import NewOrder
from apps.execution.api.views import EXAMPLE as ORDER_EXAMPLE
from apps.execution.signals.api.serializers import NewSource
from apps.execution.signals.api.views import EXAMPLE as SOURCE_EXAMPLE
from apps.promotions.api.serializers import NewPromotion
from apps.promotions.api.views import EXAMPLE as PROMOTION_EXAMPLE
from tests.access.matrix import API, OPEN, Rule
from tests.access.test_permission_matrix import call
from tests.api.world import ARRANGE, World, person

JUNK: list[Any] = [
    None, "", " ", "x", "x" * 3000, "\u202e", -1, 0, 2**80, 1.5, True, [], [[]], {}, {"a": None}, "NaN", "1e9",
    "-0", "99999999999999999999999", "00000000-0000-0000-0000-000000000000", "'; DROP TABLE", "../../etc/passwd",
]  # fmt: skip
# What names itself does what the key does elsewhere: a signal by `webhook-id`, a token to exchange by `jti`.
KEYLESS = {"/api/v1/signals/{source}/", "/api/v1/token-exchange/"}
UNSAFE = [rule for rule in API if rule.method != "get" and not rule.is_upload]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema as it is published."""
    GENERATOR_STATS.reset()
    found = SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS._warn_cache, GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache, GENERATOR_STATS._error_cache
    return dict(found)


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every (path, method, operation)."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_schema_is_valid_openapi_3_1(schema):
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)


def test_every_operation_documents_its_problems(schema):
    missing = [
        (path, method)
        for path, method, operation in operations(schema)
        if not {"400", "401", "403", "404", "422"} <= set(operation["responses"])
    ]
    assert missing == []


def test_every_unsafe_operation_takes_an_idempotency_key(schema):
    required = set()
    for path, method, operation in operations(schema):
        keys = [p for p in operation.get("parameters", []) if p["name"] == "Idempotency-Key"]
        assert bool(keys) is (method != "get" and path not in KEYLESS), (method, path)
        if keys and keys[0].get("required"):
            required.add(path)
    assert required == {"/api/v1/orders/"}


def test_every_operation_says_what_it_does(schema):
    assert [(p, m) for p, m, operation in operations(schema) if not operation.get("description")] == []


@pytest.mark.parametrize(
    ("shape", "example"), [(NewOrder, ORDER_EXAMPLE), (NewPromotion, PROMOTION_EXAMPLE), (NewSource, SOURCE_EXAMPLE)]
)
def test_examples_are_acceptable(shape, example):
    parsed = shape(data=example.value)

    assert parsed.is_valid(), parsed.errors


@pytest.mark.parametrize("path", ["schema/", "docs/", "docs/redoc/", "docs/?script="])
def test_explorers_are_served_without_other_hosts(db, path):
    text = Client().get(f"/api/v1/{path}").content.decode()

    assert text
    assert not any(host in text for host in ("https://fonts.", "cdn.", "unpkg", "jsdelivr"))


class Flat:
    """A venue that holds nothing: the real one may not be asked inside a test's transaction."""

    def positions(self) -> list[Any]:
        """None."""
        return []


@pytest.fixture
def almighty(world: World, as_user: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of somebody with every role on the firm."""
    monkeypatch.setattr("apps.venues.services.adapter_for", lambda account: Flat())
    with acting("job:test", "arrange"):
        user = person("almighty")
        for role in ROLES:
            access.grant_role(user=user, role=role, scope=world.firm.scope, **ARRANGE)
    return as_user(User.objects.get(pk=user.pk))


def _status(client: Any, rule: Rule, world: World) -> int:
    return call(client, rule, world.own)[0].status_code


def _failures(client: Any, world: World, rule: Rule, bodies: Iterator[dict[str, Any]]) -> list[str]:
    """The bodies that made the product fail."""
    found = []
    for body in bodies:
        one = Rule(rule.name, rule.method, OPEN, (), rule.kwargs, lambda _, b=body: b)
        if _status(client, one, world) >= 500:
            found.append(f"{rule.name}: {body}")
    return found


def test_a_junk_body_is_refused(world, almighty):
    found = []
    for rule in UNSAFE:
        names = {*rule.body(world.own), "approve", "digest", "kinds", "to", "quantity", "limit_price"}
        bodies = (dict.fromkeys(kept, junk) for junk in JUNK for kept in (names, names | {"reason"}))
        found += _failures(almighty, world, rule, bodies)
    assert found == []


def test_one_junk_field_is_refused_or_accepted_but_never_fails(world, almighty):
    found = []
    for rule in UNSAFE:
        good = rule.body(world.own)
        found += _failures(almighty, world, rule, (good | {name: junk} for name in good for junk in JUNK))
    assert found == []


@pytest.mark.parametrize("pk", ["x", "%00", "0" * 32, "-1", "null", "x" * 300, "%F0%9F%92%A3"])
def test_a_junk_address_is_not_found(world, almighty, pk):
    for name in ("bots", "orders", "promotions", "tokens", "users", "audit/records", "limits/raises"):
        with transaction.atomic():
            answer = almighty.get(f"/api/v1/{name}/{pk}/")
        assert answer.status_code == 404, name


@pytest.mark.parametrize(
    "query", ["cursor=junk", "page_size=x", "page_size=-1", "created_after=yesterday", "state=x", "bot=%00"]
)
def test_a_junk_query_never_fails(world, almighty, query):
    for name in ("bots", "orders", "promotions", "alerts", "audit/records"):
        with transaction.atomic():
            answer = almighty.get(f"/api/v1/{name}/?{query}")
        assert answer.status_code in (200, 400, 404, 422), (name, answer.status_code)
