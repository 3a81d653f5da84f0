"""Reading through the API: lists, reach, filters, pages, and how many queries a list takes."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access import services as access
from apps.access.models import User
from apps.audit.context import acting
from apps.bots.models import Bot
from tests.api.world import ARRANGE, World, make_order, make_promotion

LISTS = (
    "desks", "risk-buckets", "users", "consents", "strategies", "bots", "signers", "trusted-builders",
    "code-versions", "config-bundles", "parameter-sets", "releases", "gates", "backtests", "promotions", "policies",
    "deployments", "orders", "fills", "positions", "exposure", "limits", "limits/raises", "holds", "kill-switches",
    "venues", "accounts", "instruments", "datasets", "feeds", "reconciliation-runs", "breaks", "alerts",
)  # fmt: skip
SHARED = {"users", "policies", "venues", "instruments", "datasets", "feeds"}


def test_every_list_shows_the_own_desk_only(world, as_user):
    mine, theirs = as_user(world.own.people["engineer"]), as_user(world.other.people["engineer"])
    nobodys = as_user(world.outsider)

    def rows(client: Any, name: str) -> Any:
        return client.get(f"/api/v1/{name}/").json()["results"]

    assert [name for name in LISTS if not rows(mine, name)] == []
    assert {name for name in LISTS if rows(mine, name) == rows(theirs, name)} == SHARED
    assert [name for name in LISTS if rows(nobodys, name)] == []


def test_decimals_are_shown_as_normalised_strings(world, as_user):
    order = as_user(world.own.people["trader"]).get(f"/api/v1/orders/{world.own.order.pk}/").json()

    assert (order["quantity"], order["limit_price"], order["stop_price"]) == ("0.5", "60000", None)


def test_a_list_comes_in_pages_newest_first(world, as_user):
    with acting("job:test", "arrange"):
        newest = [make_order(world.own.objects) for _ in range(3)][-1]
    client = as_user(world.own.people["trader"])

    first = client.get("/api/v1/orders/", {"page_size": 2}).json()
    second = client.get(first["next"]).json()

    assert first["results"][0]["id"] == str(newest.pk)
    assert len(first["results"]) == len(second["results"]) == 2
    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}


def test_filters_narrow_a_list(world, as_user):
    with acting("job:test", "arrange"):
        filled = make_order(world.own.objects, state="FILLED")
    client = as_user(world.own.people["trader"])

    rows = client.get("/api/v1/orders/", {"state": ["FILLED", "CANCELED"]}).json()["results"]
    none = client.get("/api/v1/orders/", {"bot": world.other.bot.pk}).json()["results"]

    assert [row["id"] for row in rows] == [str(filled.pk)]
    assert none == []


def test_a_filter_that_cannot_be_read_is_refused(world, as_user):
    answer = as_user(world.own.people["trader"]).get("/api/v1/orders/", {"bot": "nonsense"})

    assert (answer.status_code, answer.json()["code"]) == (422, "VALIDATION_FAILED")


def _queries_of(client, path) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


def _more_bots(world: World) -> None:
    for number in range(5):
        scope = access.make_scope(kind="bot", name=f"more-{number}", parent=world.own.strategy.scope)
        owners = [User.objects.create(username=f"{who}-{number}", display_name=who) for who in ("a", "b")]
        Bot.objects.create(
            strategy=world.own.strategy,
            name=f"more-{number}",
            owner=owners[0],
            fallback_owner=owners[1],
            symbols=[],
            accounts=[],
            scope=scope,
        )


def _more_orders(world: World) -> None:
    for _ in range(5):
        make_order(world.own.objects)


def _more_promotions(world: World) -> None:
    for number in range(5):
        make_promotion(world.own.objects, world.own.people["trader"], state="withdrawn", capital=Decimal(number + 1))


@pytest.mark.parametrize(
    ("path", "grow"), [("bots", _more_bots), ("orders", _more_orders), ("promotions", _more_promotions)]
)
def test_a_longer_list_takes_no_more_queries(world, as_user, path, grow):
    before = _queries_of(as_user(world.own.people["engineer"]), f"/api/v1/{path}/")

    with acting("job:test", "arrange"):
        grow(world)

    assert _queries_of(as_user(world.own.people["engineer"]), f"/api/v1/{path}/") == before


def test_history_shows_every_version_with_actor_and_reason(world, as_user):
    access.deactivate(user=world.own.member, actor=world.firm_administrator, reason="left the firm")

    path = f"/api/v1/audit/history/access.user/{world.own.member.pk}/"
    rows = as_user(world.firm_administrator).get(path).json()["results"]

    assert [row["change"] for row in rows] == ["changed", "created"]
    assert rows[0]["reason"] == "left the firm"
    assert rows[0]["actor"] == f"user:{world.firm_administrator.pk}"
    assert "password" not in rows[0]["values"]


def test_history_of_an_object_is_for_its_auditors(world, as_user):
    path = f"/api/v1/audit/history/bots.bot/{world.own.bot.pk}/"

    assert as_user(world.own.people["auditor"]).get(path).json()["results"][0]["change"] == "created"
    assert as_user(world.own.people["engineer"]).get(path).status_code == 403
    assert as_user(world.other.people["auditor"]).get(path).status_code == 404


@pytest.mark.parametrize("label", ["access.vote", "sessions.session", "nonsense", "a.b.c"])
def test_history_of_a_kind_that_keeps_none_is_not_found(world, as_user, label):
    answer = as_user(world.firm_administrator).get(f"/api/v1/audit/history/{label}/{world.own.bot.pk}/")

    assert (answer.status_code, answer.json()["code"]) == (404, "HISTORY_UNKNOWN")


def test_grants_of_others_are_for_their_administrators(world, as_user):
    access.grant_role(user=world.own.member, role="auditor", scope=world.other.desk.scope, **ARRANGE)
    path = f"/api/v1/users/{world.own.member.pk}/grants/"

    def roles(user: User) -> list[str]:
        return [row["role"] for row in as_user(user).get(path).json()["results"]]

    assert sorted(roles(world.own.member)) == ["auditor", "engineer"]
    assert roles(world.own.people["administrator"]) == ["engineer"]
    assert roles(world.own.people["trader"]) == []
