"""One key, one execution, one answer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from apps.access import idempotency
from apps.access import services as access
from apps.access.api.exchange import ExchangeView
from apps.access.api.idempotency import Idempotent
from apps.access.idempotency import Answer
from apps.access.models import Desk, IdempotencyRecord, Token, User
from apps.audit.context import acting
from apps.common.errors import Refused
from apps.execution.signals.api.reception import ReceiveView
from tests.api.routes import unsafe_views
from tests.api.world import ARRANGE, person

KEY = {"HTTP_IDEMPOTENCY_KEY": "key-00000001"}


def test_the_same_call_again_gets_the_stored_answer(world, as_user):
    client = as_user(world.firm_administrator)

    first = client.post("/api/v1/desks/", {"name": "rates"}, **KEY)
    again = client.post("/api/v1/desks/", {"name": "rates"}, **KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Desk.objects.filter(name="rates").count() == 1


def test_another_body_under_the_same_key_is_refused(world, as_user):
    client = as_user(world.firm_administrator)
    client.post("/api/v1/desks/", {"name": "rates"}, **KEY)

    answer = client.post("/api/v1/desks/", {"name": "credit"}, **KEY)

    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert not Desk.objects.filter(name="credit").exists()


def test_the_same_key_on_another_address_is_refused(world, as_user):
    client = as_user(world.firm_administrator)
    client.post("/api/v1/desks/", {"name": "rates"}, **KEY)

    answer = client.post("/api/v1/risk-buckets/", {"name": "rates"}, **KEY)

    assert answer.json()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_a_key_belongs_to_its_caller(world, as_user):
    with acting("job:test", "arrange"):
        second = person("second-administrator", "administrator", world.firm.scope)
    as_user(world.firm_administrator).post("/api/v1/desks/", {"name": "rates"}, **KEY)

    answer = as_user(second).post("/api/v1/desks/", {"name": "credit"}, **KEY)

    assert answer.status_code == 201


def test_a_refusal_is_stored_too(world, as_user):
    client = as_user(world.own.people["operator"])
    path = f"/api/v1/alerts/{world.own.alert.pk}/acknowledge/"
    client.post(path, {}, HTTP_IDEMPOTENCY_KEY="key-first-one")

    first = client.post(path, {}, **KEY)
    again = client.post(path, {}, **KEY)

    assert (first.status_code, first.json()["code"]) == (409, "STATE_CONFLICT")
    assert again.json() == first.json()
    assert again.headers["Content-Type"] == "application/problem+json"


def test_a_missing_permission_is_asked_again(world, as_user):
    path = f"/api/v1/alerts/{world.own.alert.pk}/acknowledge/"
    trader = world.own.people["trader"]
    assert as_user(trader).post(path, {}, **KEY).status_code == 403

    access.grant_role(user=trader, role="operator", scope=world.own.desk.scope, **ARRANGE)

    assert as_user(trader).post(path, {}, **KEY).status_code == 200


def test_a_secret_is_never_stored(world, as_user):
    client = as_user(world.firm_administrator)
    body = {"user": "own-bot", "name": "ci", "permissions": ["trade"], "expires_in_h": 1}

    first = client.post("/api/v1/tokens/", body, format="json", **KEY)
    again = client.post("/api/v1/tokens/", body, format="json", **KEY)

    secret = first.json()["secret"]
    assert first.status_code == 201
    assert (again.status_code, again.json()["code"]) == (409, "SECRET_SHOWN_ONCE")
    assert again.json()["context"]["id"] == first.json()["id"]
    assert Token.objects.filter(name="ci").count() == 1
    assert secret not in str(list(IdempotencyRecord.objects.values_list("body", flat=True)))


@pytest.mark.parametrize("key", ["short", "with space in it", "x" * 129, "umlaut-ümlaut"])
def test_a_malformed_key_is_refused(world, as_user, key):
    answer = as_user(world.firm_administrator).post("/api/v1/desks/", {"name": "rates"}, HTTP_IDEMPOTENCY_KEY=key)

    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_KEY_MALFORMED")
    assert not Desk.objects.filter(name="rates").exists()


def test_a_failure_of_ours_leaves_neither_act_nor_answer(world):
    def fail() -> Answer:
        access.make_desk(name="rates", **ARRANGE)
        raise RuntimeError("died")

    with pytest.raises(RuntimeError, match="died"):
        idempotency.once(world.firm_administrator, "key-00000001", "digest", fail)

    assert not Desk.objects.filter(name="rates").exists()
    assert not IdempotencyRecord.objects.exists()


def test_many_callers_with_one_key_get_one_execution_and_equal_answers(committed_db):
    access.make_firm(name="Firm", base_currency="USD", **ARRANGE)
    with acting("job:test", "arrange"):
        caller = User.objects.create(username="caller", display_name="Caller")
    executed = []

    def execute() -> Answer:
        desk = access.make_desk(name=f"desk-{len(executed)}", **ARRANGE)
        executed.append(desk.pk)
        return Answer(201, {"id": str(desk.pk)})

    def call(_: int) -> tuple[int, str]:
        try:
            answer, _replay = idempotency.once(caller, "key-00000001", "digest", execute)
            return answer.status, answer.body["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        answers = set(pool.map(call, range(48)))

    assert answers == {(201, str(executed[0]))}
    assert len(executed) == Desk.objects.count() == 1


def test_a_wait_past_the_lock_timeout_is_answered_in_progress(committed_db):
    with acting("job:test", "arrange"):
        caller = User.objects.create(username="caller", display_name="Caller")
    started, done = threading.Event(), threading.Event()

    def slow() -> Answer:
        started.set()
        done.wait(30)
        return Answer(200, {})

    def first() -> None:
        idempotency.once(caller, "key-00000001", "digest", slow)
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    started.wait(30)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        with pytest.raises(Refused) as refusal:
            idempotency.once(caller, "key-00000001", "digest", lambda: Answer(200, {}))
    finally:
        done.set()
        thread.join()

    assert refusal.value.code == "IDEMPOTENCY_IN_PROGRESS"


def test_every_unsafe_endpoint_runs_behind_the_guard():
    # A signal has an id of its own, which does the same, and so has a token to exchange.
    assert [view for view in unsafe_views() - {ReceiveView, ExchangeView} if not issubclass(view, Idempotent)] == []
