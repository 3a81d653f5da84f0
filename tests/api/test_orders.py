"""Orders through the API."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from apps.access.models import IdempotencyRecord, User
from apps.audit.context import acting
from apps.common.errors import TooMany
from apps.execution.models import Order
from apps.risk.models import Hold
from tests.api.conftest import JsonClient
from tests.api.world import make_order, make_world

KEY = {"HTTP_IDEMPOTENCY_KEY": "order-key-0001"}


def body_of(desk, **overrides):
    return {
        "deployment": str(desk.deployment.pk),
        "instrument": "BTC-USD",
        "side": "BUY",
        "quantity": "0.5",
        "order_type": "LIMIT",
        "limit_price": "60000",
        "time_in_force": "GTC",
        "purpose": "OPENING",
    } | overrides


@pytest.fixture
def bot(world, as_user):
    """The own desk's service account."""
    return as_user(world.own.people["service account"])


@pytest.fixture
def accepted(monkeypatch, world):
    """Let the gateway store every ticket as accepted: the check itself is tested with execution."""

    def place(*, ticket, actor, reason):
        known = Order.objects.filter(client_order_id=ticket.client_order_id).first()
        if known is not None:
            return known
        with acting(actor, reason):
            return make_order(
                {**world.own.objects, "deployment": ticket.deployment},
                client_order_id=ticket.client_order_id,
                quantity=ticket.quantity,
                limit_price=ticket.limit_price,
                side=ticket.side,
            )

    monkeypatch.setattr("apps.execution.services.place", place)


def test_an_order_is_placed_and_shown(world, bot, accepted):
    answer = bot.post("/api/v1/orders/", body_of(world.own), **KEY)

    assert answer.status_code == 201, answer.content
    assert (answer.json()["quantity"], answer.json()["limit_price"]) == ("0.5", "60000")
    assert Order.objects.filter(pk=answer.json()["id"]).exists()


def test_an_order_needs_a_key(world, bot):
    before = Order.objects.count()

    answer = bot.post("/api/v1/orders/", body_of(world.own))

    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_KEY_REQUIRED")
    assert Order.objects.count() == before


def test_a_retry_after_the_stored_answer_is_gone_finds_the_same_order(world, bot, accepted):
    first = bot.post("/api/v1/orders/", body_of(world.own), **KEY)
    IdempotencyRecord.objects.all().delete()

    again = bot.post("/api/v1/orders/", body_of(world.own), **KEY)

    assert again.json()["id"] == first.json()["id"]
    assert "Idempotency-Replayed" not in again.headers


def test_a_denied_order_is_a_refusal_with_its_codes_and_is_kept(world, bot):
    answer = bot.post("/api/v1/orders/", body_of(world.own), **KEY)
    again = bot.post("/api/v1/orders/", body_of(world.own), **KEY)

    assert (answer.status_code, answer.json()["code"]) == (409, "ORDER_DENIED"), answer.content
    order = Order.objects.get(pk=answer.json()["context"]["order"])
    assert order.state == "DENIED"
    assert answer.json()["context"]["codes"] == order.codes != []
    assert again.json() == answer.json()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("quantity", "NaN", "DECIMAL_MALFORMED"),
        ("quantity", "Infinity", "DECIMAL_MALFORMED"),
        ("quantity", "1e3", "DECIMAL_MALFORMED"),
        ("quantity", 0.5, "DECIMAL_MALFORMED"),
        ("quantity", True, "DECIMAL_MALFORMED"),
        ("quantity", "0", "DECIMAL_NOT_POSITIVE"),
        ("quantity", "-1", "DECIMAL_NOT_POSITIVE"),
        ("quantity", None, "null"),
        ("limit_price", "0.0000000000000000001", "DECIMAL_MALFORMED"),
        ("side", "HOLD", "invalid_choice"),
        ("reduce_only", "yes", "BOOLEAN_EXPECTED"),
        ("deployment", "x", "invalid"),
    ],
)
def test_a_malformed_field_is_refused_with_a_code(world, bot, field, value, code):
    before = Order.objects.count()

    answer = bot.post("/api/v1/orders/", body_of(world.own, **{field: value}), **KEY)

    assert (answer.status_code, answer.json()["code"]) == (422, "VALIDATION_FAILED")
    assert answer.json()["context"]["fields"][field][0]["code"] == code
    assert Order.objects.count() == before


def test_an_unknown_instrument_is_refused(world, bot):
    answer = bot.post("/api/v1/orders/", body_of(world.own, instrument="DOGE-USD"), **KEY)

    assert (answer.status_code, answer.json()["code"]) == (422, "INSTRUMENT_UNKNOWN")


def test_an_order_under_another_desks_deployment_finds_nothing(world, bot):
    answer = bot.post("/api/v1/orders/", body_of(world.other), **KEY)

    assert (answer.status_code, answer.json()["code"]) == (404, "REFERENCE_NOT_FOUND")


def test_a_client_order_id_of_another_desk_shows_nothing(world, bot):
    taken = str(world.other.order.client_order_id)

    answer = bot.post("/api/v1/orders/", body_of(world.own, client_order_id=taken), **KEY)

    assert (answer.status_code, answer.json()["code"]) == (409, "CLIENT_ORDER_ID_TAKEN")
    assert str(world.other.order.pk) not in answer.content.decode()


def test_a_person_without_trade_places_no_order(world, as_user):
    answer = as_user(world.own.people["trader"]).post("/api/v1/orders/", body_of(world.own), **KEY)

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")


def test_a_program_that_keeps_knocking_is_told_when_to_come_back(world, bot, monkeypatch):
    def place(**_):
        raise TooMany("RATE_ABOVE_LIMIT", "far too many orders")

    monkeypatch.setattr("apps.execution.services.place", place)
    before = Order.objects.count()

    answer = bot.post("/api/v1/orders/", body_of(world.own), **KEY)

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "RATE_ABOVE_LIMIT", "60")
    assert (Order.objects.count(), IdempotencyRecord.objects.count()) == (before, 0)


def test_an_order_is_cancelled_by_whoever_may_exit(world, as_user):
    path = f"/api/v1/orders/{world.own.order.pk}/cancel/"

    answer = as_user(world.own.people["trader"]).post(path, {"reason": "fat finger"})

    assert (answer.status_code, answer.json()["state"]) == (202, "PENDING_CANCEL")


def test_a_cancel_needs_a_reason(world, as_user):
    answer = as_user(world.own.people["trader"]).post(f"/api/v1/orders/{world.own.order.pk}/cancel/", {})

    assert answer.status_code == 422
    assert Order.objects.get(pk=world.own.order.pk).state == "ACCEPTED"


def test_the_events_of_an_order_are_listed(world, as_user):
    rows = as_user(world.own.people["trader"]).get(f"/api/v1/orders/{world.own.order.pk}/events/").json()

    assert [row["state"] for row in rows["results"]] == ["ACCEPTED"]


@pytest.fixture
def committed_world(committed_db, tmp_path, settings):
    """The world with real commits and without holds."""
    settings.DATASET_ROOT = tmp_path
    world = make_world(tmp_path)
    with acting("job:test", "arrange"):
        Hold.objects.update(state="released")
    return world


def test_the_venue_is_asked_outside_a_transaction_when_a_position_is_closed(committed_world, as_user):
    path = f"/api/v1/positions/{committed_world.own.position.pk}/close/"
    client = as_user(committed_world.own.people["trader"])

    answer = client.post(path, {"reason": "leave", "quantity": "1"}, **KEY)
    again = client.post(path, {"reason": "leave", "quantity": "1"}, **KEY)

    assert (answer.status_code, answer.json()["code"]) == (409, "POSITION_FLAT"), answer.content
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_hundred_posts_with_one_key_are_one_order_and_equal_answers(committed_world):
    caller = committed_world.own.people["service account"]
    body = body_of(committed_world.own, limit_price="59000")  # the world has one at 60000, just made
    before = Order.objects.count()

    def post(_: int) -> tuple[int, str]:
        try:
            client = JsonClient()
            client.force_authenticate(User.objects.get(pk=caller.pk))
            answer = client.post("/api/v1/orders/", body, **KEY)
            return answer.status_code, json.dumps(answer.json(), sort_keys=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(post, range(100)))

    assert {status for status, _ in answers} == {201}, answers
    assert len(answers) == 1
    assert Order.objects.count() == before + 1
