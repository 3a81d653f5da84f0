"""Previews, cancels of many, sessions and throttles through the API."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from rest_framework.test import APIClient

from apps.access import services as access
from apps.access.models import User
from apps.access.states import ScopeKind
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.execution.models import BotSession, Order
from apps.markets import services as markets
from apps.risk import services as risk
from apps.risk.models import Hold, Limit, LimitRaise, Throttle
from tests.api.test_orders import body_of
from tests.api.world import ARRANGE, World, make_order
from tests.builders import make_user

As = Callable[[User], APIClient]


@pytest.fixture
def bot(world: World, as_user: As) -> APIClient:
    """The own desk's service account, on a feed that ticks."""
    markets.tick_feeds()
    with acting(**ARRANGE):
        Hold.objects.update(state="released")
    return as_user(world.own.people["service account"])


def test_a_preview_says_why_an_order_would_be_refused_and_keeps_nothing(world: World, bot: APIClient) -> None:
    before = Order.objects.count()

    answer = bot.post("/api/v1/orders/preview/", body_of(world.own, quantity="7"))

    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert found["accepted"] is False
    assert "QUANTITY_ABOVE_LIMIT" in [denial["code"] for denial in found["denials"]]
    assert found["limits"]["order_quantity"] == "1"
    assert Order.objects.count() == before


def test_an_order_for_extended_hours_is_judged_as_one(world: World, bot: APIClient) -> None:
    asked = body_of(world.own, time_in_force="DAY", extended_hours=True)

    codes = [denial["code"] for denial in bot.post("/api/v1/orders/preview/", asked).json()["denials"]]

    assert {"EXTENDED_HOURS_NOT_ENTITLED", "EXTENDED_HOURS_UNKNOWN"} <= set(codes)


def test_a_position_is_closed_in_extended_hours_if_asked(world: World, as_user: As) -> None:
    position, trader = world.own.position, as_user(world.own.people["trader"])
    body = {"reason": "out", "limit_price": "60000", "extended_hours": True}

    with mock.patch("apps.execution.services.close_position", return_value=world.own.order) as close:
        answer = trader.post(f"/api/v1/positions/{position.pk}/close/", body)

    assert (answer.status_code, answer.json()["is_extended_hours"]) == (201, False)
    assert close.call_args.kwargs["extended_hours"] is True


def test_cancel_all_takes_opening_orders_and_leaves_protective_ones(world: World, as_user: As) -> None:
    guard = make_order(world.own.objects, purpose="PROTECTIVE", state="ACCEPTED", order_type="STOP", stop_price=50000)
    other = make_order(world.other.objects, state="ACCEPTED")
    trader = as_user(world.own.people["trader"])

    answer = trader.post("/api/v1/orders/cancel-all/", {"scope": str(world.own.bot.scope_id), "reason": "out of here"})

    assert answer.status_code == 202, answer.content
    assert answer.json() == {"asked": [str(world.own.order.pk)], "refused": []}
    for order in (guard, other):
        order.refresh_from_db()
        assert order.state == "ACCEPTED"


def test_cancel_all_lists_what_it_may_not_cancel(world: World, as_user: As) -> None:
    guard = make_order(world.own.objects, purpose="PROTECTIVE", state="ACCEPTED", order_type="STOP", stop_price=50000)
    trader = as_user(world.own.people["trader"])
    body = {"scope": str(world.own.bot.scope_id), "reason": "everything", "purposes": ["PROTECTIVE"]}

    answer = trader.post("/api/v1/orders/cancel-all/", body)

    assert answer.json() == {"asked": [], "refused": [{"order": str(guard.pk), "code": "PROTECTIVE_GUARDED"}]}
    guard.refresh_from_db()
    assert guard.state == "ACCEPTED"


def test_nobody_prolongs_the_session_of_another_account(world: World, as_user: As) -> None:
    session = world.own.session
    with acting(**ARRANGE):
        session.state, session.opened_by = "open", world.own.people["engineer"]
        session.save()
    bot = as_user(world.own.people["service account"])

    answer = bot.post(f"/api/v1/bot-sessions/{session.pk}/heartbeat/")

    assert (answer.status_code, answer.json()["code"]) == (403, "SESSION_NOT_YOURS")


def test_a_bot_that_runs_here_opens_no_session(world: World, bot: APIClient) -> None:
    count = BotSession.objects.count()
    body = {"deployment": str(world.own.deployment.pk), "build_id": "1" * 64}

    answer = bot.post("/api/v1/bot-sessions/", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "DEPLOYMENT_NOT_ATTACHED")
    assert BotSession.objects.count() == count


def test_a_person_enables_a_throttled_bot(world: World, as_user: As) -> None:
    with acting(**ARRANGE):
        throttle = Throttle.objects.create(scope=world.own.bot.scope, reason="again and again", repeats=9)
    trader = as_user(world.own.people["trader"])

    answer = trader.post(f"/api/v1/limits/throttles/{throttle.pk}/enable/", {"reason": "a retry loop, mended"})

    throttle.refresh_from_db()
    assert answer.status_code == 200, answer.content
    assert throttle.enabled_by == world.own.people["trader"]


def test_a_raise_carries_its_end(world: World, as_user: As) -> None:
    until = (wall_now() + timedelta(hours=2)).isoformat()
    body: dict[str, Any] = {
        "scope": str(world.own.bot.scope_id),
        "kind": "order_quantity",
        "value": "3",
        "reason": "a big day",
        "expires_at": until,
    }

    answer = as_user(world.own.people["risk owner"]).post("/api/v1/limits/raises/", body)

    assert answer.status_code == 201, answer.content
    assert LimitRaise.objects.get(pk=answer.json()["id"]).expires_at is not None
    assert Limit.objects.get(scope=world.own.bot.scope, kind="order_quantity").value == 2


def test_a_raised_limit_names_its_raise_and_the_people_of_it(world: World, as_user: As) -> None:
    own, scope = world.own, world.own.bot.scope
    asked = risk.request_raise(
        scope=scope, kind="order_quantity", value=Decimal(3), actor=own.people["risk owner"], reason="a big day"
    )
    assert asked.consent is not None
    other = make_user("second-risk-owner", "risk owner", own.desk.scope)
    ballot = {"approve": True, "reason": "sized", "digest": asked.consent.digest}
    risk.vote_raise(limit_raise=asked, actor=other, **ballot)

    found = as_user(own.people["trader"]).get(f"/api/v1/limits/?scope={scope.pk}").json()["results"]

    [shown] = [row for row in found if row["kind"] == "order_quantity"]
    assert (shown["value"], shown["raised_by"]) == ("3", str(asked.pk))
    assert (shown["asked_by"], shown["agreed_by"]) == (str(own.people["risk owner"].pk), [str(other.pk)])


def test_a_limit_that_nobody_raised_names_nobody(world: World, as_user: As) -> None:
    shown = as_user(world.own.people["trader"]).get(f"/api/v1/limits/{world.own.limit.pk}/").json()

    assert (shown["raised_by"], shown["asked_by"], shown["agreed_by"]) == (None, None, [])


def test_the_token_of_one_bot_opens_no_session_for_another_of_its_desk(world: World, as_user: As) -> None:
    own = world.own
    machine = access.make_service_account(username="neighbour", display_name="Neighbour", **ARRANGE)
    with acting(**ARRANGE):
        other = access.make_scope(kind=ScopeKind.BOT, name="neighbour", parent=own.strategy.scope)
    access.grant_role(user=machine, role="bot", scope=other, **ARRANGE)
    before = BotSession.objects.count()
    body = {"deployment": str(own.deployment.pk), "build_id": "1" * 64}

    unknown = as_user(machine).post("/api/v1/bot-sessions/", body)
    access.grant_role(user=machine, role="auditor", scope=own.bot.scope, **ARRANGE)
    refused = as_user(machine).post("/api/v1/bot-sessions/", body)

    assert (unknown.status_code, unknown.json()["code"]) == (404, "REFERENCE_NOT_FOUND")
    assert (refused.status_code, refused.json()["code"]) == (403, "PERMISSION_DENIED")
    assert BotSession.objects.count() == before


def test_the_books_of_scopes_are_read_within_reach(world: World, as_user: As) -> None:
    found = as_user(world.own.people["risk owner"]).get("/api/v1/exposure/scopes/").json()["results"]

    scopes = {row["scope"] for row in found}
    assert str(world.own.bot.scope_id) in scopes
    assert str(world.other.bot.scope_id) not in scopes
