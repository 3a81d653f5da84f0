"""Orders: raw messages, new terms, orders in doubt with their settlement, cancelling all."""

from decimal import Decimal
from unittest import mock

import pytest

from apps.access import services as access
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.common.errors import Refused
from apps.execution import services as execution
from apps.execution.models import Anomaly, Order
from apps.execution.services import ledger
from apps.markets import services as markets
from apps.risk.models import Hold, ScopeBook
from apps.venues.models import VenueMessage
from tests.api.world import ARRANGE, make_order


@pytest.fixture
def doubtful(world):
    return make_order(world.own.objects, state="UNKNOWN", needs_person=True, venue_order_id="V-1")


@pytest.fixture
def settlement(world, doubtful):
    """What the operator was told: a second person has to agree."""
    operator = world.own.people["operator"]
    return execution.settle_by_person(order=doubtful, outcome="not_sent", actor=operator, reason="Jim at the desk")


def text_of(client, order):
    return client.get(f"/orders/{order.pk}/").content.decode()


def test_an_order_shows_what_was_said_to_the_venue_and_what_was_unexpected(world, signed_in):
    order, account = world.own.order, world.own.account
    VenueMessage.objects.create(
        account_id=account.pk,
        client_order_id=order.client_order_id.hex,
        call="submit",
        request={"symbol": "<b>BTC</b>"},
        error="VENUE_TIMEOUT",
        sent_at=wall_now(),
        took_ms=5000,
    )
    Anomaly.objects.create(account=account, order=order, kind="overfill", key="T-9")
    text = text_of(signed_in(world.own.people["trader"]), order)
    assert "&lt;b&gt;BTC&lt;/b&gt;" in text
    assert "the venue did not answer in time" in text
    assert "More was filled than was ordered" in text


def test_terms_of_a_slice_are_shown(world, signed_in):
    Order.objects.filter(pk=world.own.order.pk).update(
        is_post_only=True, is_extended_hours=True, remainder="CANCEL", parent_id=world.own.bot.pk, parent_quantity=5
    )
    text = text_of(signed_in(world.own.people["trader"]), world.own.order)
    for part in ("post only", "extended hours", "the rest is cancelled", str(world.own.bot.pk), "5 in all"):
        assert part in text


def test_new_terms_on_their_way_are_shown_beside_the_old_ones(world, signed_in):
    Order.objects.filter(pk=world.own.order.pk).update(
        state="PENDING_REPLACE", replace_quantity="0.7", replace_limit_price=59_000
    )
    text = text_of(signed_in(world.own.people["trader"]), world.own.order)
    assert "New terms are on their way: 0.7 BTC" in text
    assert "Replace…" not in text


def test_whoever_may_trade_replaces_and_reads_every_denial(world, signed_in):
    own = world.own
    access.grant_role(user=own.people["trader"], role="bot", scope=own.desk.scope, **ARRANGE)
    client = signed_in(own.people["trader"])
    assert "Replace…" in text_of(client, own.order)
    denied = Refused("ORDER_DENIED", "the check denied the new terms", codes=["PRICE_OUTSIDE_COLLAR"])
    with mock.patch("apps.execution.services.amend", side_effect=denied) as replace:
        response = client.post(
            f"/orders/{own.order.pk}/replace/", {"form": "replace", "limit_price": "59000", "reason": "chase"}
        )
    assert response.status_code == 409
    assert "its price is further from the reference than the collar allows" in response.content.decode()
    assert (replace.call_args.kwargs["limit_price"], replace.call_args.kwargs["quantity"]) == (59_000, None)


def ask_for(client, order, **terms):
    return client.post(f"/orders/{order.pk}/replace/", {"form": "replace", "reason": "too much"} | terms)


def test_a_person_on_the_way_out_makes_an_order_smaller(world, signed_in):
    own = world.own
    with acting("job:test", "arrange"):
        Hold.objects.update(state="released")
    ScopeBook.objects.update(open_orders=1)
    markets.tick_feeds()
    client = signed_in(own.people["trader"])
    text = text_of(client, own.order)
    assert "Replace…" in text
    assert "You may make it smaller" in text
    assert 'name="limit_price"' not in text

    assert ask_for(client, own.order, quantity="0.4").status_code == 302
    row = Order.objects.get(pk=own.order.pk)
    assert (row.state, row.replace_quantity) == ("PENDING_REPLACE", Decimal("0.4"))


@pytest.mark.parametrize("terms", [{"quantity": "1"}, {"quantity": "0.4", "limit_price": "59000"}])
def test_more_or_another_price_takes_the_permission_to_trade(world, signed_in, terms):
    response = ask_for(signed_in(world.own.people["trader"]), world.own.order, **terms)
    row = Order.objects.get(pk=world.own.order.pk)
    assert (response.status_code, row.state, row.replace_quantity) == (403, "ACCEPTED", None)
    assert "PERMISSION_DENIED" in response.content.decode()


def test_a_person_on_the_way_out_is_offered_the_price_of_an_exit(world, signed_in):
    exit_order = make_order(world.own.objects, state="ACCEPTED", purpose="EXIT", side="SELL")
    text = text_of(signed_in(world.own.people["operator"]), exit_order)
    assert 'name="limit_price"' in text
    assert "You may make it smaller" not in text


def test_a_person_on_the_way_out_is_told_that_a_guard_may_only_guard_more(world, signed_in):
    guard = make_order(world.own.objects, state="ACCEPTED", purpose="PROTECTIVE", side="SELL")
    client = signed_in(world.own.people["operator"])
    assert "You may let it guard more" in text_of(client, guard)
    assert ask_for(client, guard, quantity="0.1").status_code == 403
    guard.refresh_from_db()
    assert (guard.state, guard.replace_quantity) == ("ACCEPTED", None)


def test_whoever_may_neither_trade_nor_exit_asks_for_no_new_terms(world, signed_in):
    client = signed_in(world.own.people["engineer"])
    assert "Replace…" not in text_of(client, world.own.order)
    response = ask_for(client, world.own.order, quantity="0.4")
    assert (response.status_code, Order.objects.get(pk=world.own.order.pk).state) == (403, "ACCEPTED")


def test_a_cancel_that_the_venue_has_not_confirmed_can_be_asked_for_again(world, signed_in):
    order = make_order(world.own.objects, state="PENDING_CANCEL", cancel_requested=True, venue_order_id="V-1")
    assert "Ask the venue again" in text_of(signed_in(world.own.people["trader"]), order)


def test_orders_in_doubt_are_found_and_called_for(world, signed_in, doubtful):
    client = signed_in(world.own.people["operator"])
    page = client.get("/orders/?state=needs_person").content.decode()
    assert str(doubtful.pk) in page
    assert str(world.own.order.pk) not in page
    assert "1 order needs a person" in client.get("/orders/").content.decode()
    assert "Ask the venue about BUY BTC-USD" in client.get("/").content.decode()
    assert "Ask the venue about" not in signed_in(world.own.people["engineer"]).get("/").content.decode()


def test_what_the_desk_said_frees_nothing_until_a_second_person_agrees(world, signed_in, doubtful):
    own = world.own
    said = {"form": "settle", "outcome": "not_sent", "reason": "Jim at the desk, 09:12"}
    asked = signed_in(own.people["operator"]).post(f"/orders/{doubtful.pk}/settle/", said)
    assert asked.status_code == 302
    assert Order.objects.get(pk=doubtful.pk).state == "UNKNOWN"

    client = signed_in(own.people["risk owner"])
    assert "Settle BUY BTC-USD" in client.get("/").content.decode()
    consent = doubtful.settlements.get().consent
    ballot = {"form": "x", "digest": consent.digest, "verdict": "approve", "reason": "I called too"}
    assert client.post(f"/orders/{doubtful.pk}/settle/vote/", ballot).status_code == 302
    assert Order.objects.get(pk=doubtful.pk).state == "NOT_SENT"


def test_saying_it_works_there_needs_the_venue_s_id(world, signed_in, doubtful):
    values = {"form": "settle", "outcome": "accepted", "reason": "Jim"}
    response = signed_in(world.own.people["operator"]).post(f"/orders/{doubtful.pk}/settle/", values)
    assert response.status_code == 422
    assert "VENUE_ORDER_ID_MISSING" in response.content.decode()
    assert not doubtful.settlements.exists()


def test_settling_needs_the_permission(world, signed_in, doubtful):
    client = signed_in(world.own.people["trader"])
    assert "What they said" not in text_of(client, doubtful)
    response = client.post(f"/orders/{doubtful.pk}/settle/", {"outcome": "not_sent", "reason": "x"})
    assert (response.status_code, doubtful.settlements.exists()) == (403, False)


def test_whoever_said_so_cannot_agree(world, signed_in, doubtful, settlement):
    operator = world.own.people["operator"]
    assert "Agree" not in text_of(signed_in(operator), doubtful).replace("to agree", "")
    with acting("job:test", "arrange"):
        access.grant_role(user=operator, role="risk owner", scope=world.own.desk.scope, **ARRANGE)
    ballot = {"form": "x", "digest": settlement.consent.digest, "verdict": "approve", "reason": "me again"}
    response = signed_in(operator).post(f"/orders/{doubtful.pk}/settle/vote/", ballot)
    assert response.status_code == 403
    assert Order.objects.get(pk=doubtful.pk).state == "UNKNOWN"


def test_cancelling_all_counts_what_was_refused(world, signed_in):
    own = world.own
    guard = make_order(own.objects, state="ACCEPTED", purpose="PROTECTIVE", side="SELL")
    values = {"form": "cancel-all", "scope": own.desk.scope.pk, "purposes": ["OPENING", "PROTECTIVE"], "reason": "calm"}
    page = signed_in(own.people["operator"]).post("/orders/cancel-all/", values, follow=True).content.decode()
    assert "1 order will be cancelled; 1 stay: 1 PROTECTIVE_GUARDED" in page
    assert Order.objects.get(pk=own.order.pk).cancel_requested
    assert not Order.objects.get(pk=guard.pk).cancel_requested


def test_cancelling_all_needs_the_permission(world, signed_in):
    own = world.own
    values = {"form": "cancel-all", "scope": own.desk.scope.pk, "purposes": ["OPENING"], "reason": "x"}
    client = signed_in(own.people["engineer"])
    assert "Cancel all" not in client.get("/orders/").content.decode()
    assert client.post("/orders/cancel-all/", values).status_code == 403
    assert not Order.objects.get(pk=own.order.pk).cancel_requested


def test_cancelling_all_says_which_purposes_are_missing(world, signed_in):
    own = world.own
    values = {"form": "cancel-all", "scope": own.desk.scope.pk, "reason": "which?"}
    response = signed_in(own.people["operator"]).post("/orders/cancel-all/", values)
    assert response.status_code == 422
    assert "Which orders" in response.content.decode()


def test_of_what_the_venue_calls_open_only_that_can_be_stated(world, signed_in):
    order = make_order(world.own.objects, state="PENDING_CANCEL", needs_person=True, cancel_requested=True)
    client = signed_in(world.own.people["operator"])
    before = text_of(client, order)
    with acting("job:test", "the venue was asked"):
        ledger.append(order, detail={"venue_says": "open"})
    after = text_of(client, order)
    assert "Only the venue’s desk can tell" in before
    assert 'value="canceled"' in before
    assert "The venue does not cancel it" in after
    assert 'value="accepted"' in after
    assert 'value="canceled"' not in after
    said = {"form": "settle", "outcome": "canceled", "reason": "Jim"}
    refusal = client.post(f"/orders/{order.pk}/settle/", said).content.decode()
    assert "VENUE_SAYS_OPEN" in refusal
    assert not order.settlements.exists()
