"""What was said to the venue about an order, and settling one in doubt, through the API."""

import pytest

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.execution.models import Order
from apps.venues.models import VenueMessage
from tests.markets.builders import BY

DOUBT = {"state": "UNKNOWN", "needs_person": True}


@pytest.fixture
def order(world):
    """The own desk's order, which only the venue's desk can tell about."""
    with acting(**BY):
        Order.objects.filter(pk=world.own.order.pk).update(**DOUBT)
    return Order.objects.get(pk=world.own.order.pk)


def address(order, verb):
    return f"/api/v1/orders/{order.pk}/{verb}/"


def note(order, **fields):
    about = {"client_order_id": order.client_order_id.hex, "account_id": order.account_id}
    return VenueMessage.objects.create(**about, sent_at=wall_now(), took_ms=1.5, **fields)


def test_messages_about_an_order_are_shown_newest_first(world, as_user, order):
    note(order, call="submit", request={"quantity": "1"}, error="VENUE_TIMEOUT")
    note(order, call="order_by_client_id", answer={"state": "open"})
    note(world.other.order, call="cancel")

    shown = as_user(world.own.people["auditor"]).get(address(order, "messages")).json()["results"]

    assert [(message["call"], message["error"]) for message in shown] == [
        ("order_by_client_id", ""),
        ("submit", "VENUE_TIMEOUT"),
    ]
    assert shown[1]["answer"] is None


def test_another_desk_sees_no_messages(world, as_user, order):
    note(order, call="submit")

    answer = as_user(world.other.people["operator"]).get(address(order, "messages"))

    assert answer.status_code == 404


def test_that_the_venue_has_it_is_settled_at_once(world, as_user, order):
    body = {"outcome": "accepted", "venue_order_id": "V-1", "reason": "Ms Lang, 10:31"}

    answer = as_user(world.own.people["operator"]).post(address(order, "settle"), body)

    assert answer.status_code == 201
    assert (answer.json()["consent"], answer.json()["digest"]) == (None, None)
    order.refresh_from_db()
    assert (order.state, order.venue_order_id, order.needs_person) == ("ACCEPTED", "V-1", False)


def test_that_it_never_arrived_takes_a_second_persons_vote(world, as_user, order):
    body = {"outcome": "not_sent", "reason": "Ms Lang, 10:31"}
    asked = as_user(world.own.people["operator"]).post(address(order, "settle"), body).json()
    order.refresh_from_db()
    assert (asked["state"], asked["applied_at"], order.state) == ("open", None, "UNKNOWN")

    ballot = {"approve": True, "digest": asked["digest"], "reason": "I called too"}
    voted = as_user(world.own.people["risk owner"]).post(address(order, "settle/votes"), ballot)

    assert (voted.status_code, voted.json()["state"]) == (200, "granted")
    order.refresh_from_db()
    assert order.state == "NOT_SENT"


@pytest.mark.parametrize("role", ["auditor", "engineer", "trader"])
def test_whoever_may_not_operate_settles_nothing(world, as_user, order, role):
    body = {"outcome": "accepted", "venue_order_id": "V-1", "reason": "I say so"}

    answer = as_user(world.own.people[role]).post(address(order, "settle"), body)

    assert answer.status_code == 403
    order.refresh_from_db()
    assert order.state == "UNKNOWN"
