"""What was said to the venue about an order is kept, without secrets, and never costs the venue's answer."""

import json
from typing import Any

import pytest
from django.db.models import QuerySet

from apps.audit.context import acting
from apps.execution.models import Order
from apps.execution.services import books
from apps.execution.states import OrderState
from apps.venues import messages, selectors
from apps.venues import services as venues
from apps.venues.adapters.base import NoAnswer, SubmitRequest, VenueOrder, VenueRejected
from apps.venues.models import VenueMessage
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, work_orders
from tests.execution.tape import play
from tests.markets.builders import BY
from tests.venues.builders import make_account

CANARY = "canary-3f9a1c77e2"


def messages_of(order: Order) -> QuerySet[VenueMessage]:
    """What is kept about it."""
    return selectors.messages_of(order.account_id, order.client_order_id)


def said(order: Order) -> list[tuple[str, str]]:
    """Calls about an order with their refusals, oldest first."""
    found = messages_of(order).order_by("id")
    return [(message.call, message.error) for message in found]


def test_a_submit_is_kept_with_both_sides_and_its_times(real_floor: Floor) -> None:
    order = real_floor.place(quantity="3")

    work_orders()

    message = messages_of(order).get()
    assert (message.call, message.error, message.account_id) == ("submit", "", real_floor.account.pk)
    assert message.request["quantity"] == "3"
    assert message.request["client_order_id"] == order.client_order_id.hex
    assert message.answer["venue_order_id"] == str(PaperOrder.objects.get().pk)
    assert message.sent_at == real_floor.wall.now
    assert message.took_ms > 0


def test_an_order_in_doubt_keeps_the_lost_call_and_every_lookup(real_floor: Floor) -> None:
    real_floor.line.lose_reply = {"submit"}
    order = real_floor.place()
    work_orders()
    real_floor.line.fails = {"order_by_client_id": NoAnswer("silence")}
    real_floor.wall.advance(1)
    work_orders()
    real_floor.line.fails = {}
    real_floor.wall.advance(2)
    work_orders()

    assert said(order) == [
        ("submit", "VENUE_TIMEOUT"),
        ("order_by_client_id", "VENUE_NO_ANSWER"),
        ("order_by_client_id", ""),
    ]
    assert messages_of(order).filter(answer__isnull=True).count() == 2


def test_the_call_of_a_worker_that_dies_before_the_outcome_is_kept(
    real_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The worker's end."""

    def killed(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(books, "absorb", killed)
    order = real_floor.place()

    with pytest.raises(Killed):
        work_orders()

    assert said(order) == [("submit", "")]


def test_a_rejection_is_kept_with_its_code(real_floor: Floor) -> None:
    real_floor.line.fails = {"submit": VenueRejected("MARGIN")}
    order = real_floor.place()

    work_orders()

    assert said(order) == [("submit", "MARGIN")]


def test_of_other_calls_only_failures_are_kept(real_floor: Floor) -> None:
    adapter = venues.adapter_for(real_floor.account)
    adapter.open_orders()
    real_floor.line.fails = {"open_orders": NoAnswer("silence")}

    with pytest.raises(NoAnswer):
        adapter.open_orders()

    assert [(message.call, message.error) for message in VenueMessage.objects.all()] == [
        ("open_orders", "VENUE_NO_ANSWER")
    ]


def test_an_answer_whose_record_cannot_be_written_still_counts_and_is_logged(
    real_floor: Floor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(VenueMessage.objects, "bulk_create", broken)
    order = real_floor.place()

    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED
    assert not VenueMessage.objects.exists()
    assert "venue.message_lost" in caplog.text
    assert order.client_order_id.hex in caplog.text


def test_what_went_over_the_wire_is_kept_with_its_call_and_without_secrets(
    real_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = PaperAdapter.submit

    def over_http(self: PaperAdapter, request: SubmitRequest) -> VenueOrder:
        messages.heard({"sent": f"POST /orders?signature={CANARY}", "status": 200, "answer": '{"id": "v-1"}'})
        return submit(self, request)

    monkeypatch.setattr(PaperAdapter, "submit", over_http)
    order = real_floor.place()
    work_orders()

    answer = messages_of(order).get().answer
    assert answer["wire"] == [{"sent": "POST /orders?signature=[redacted]", "status": 200, "answer": '{"id": "v-1"}'}]
    assert answer["stated"]["venue_order_id"] == str(PaperOrder.objects.get().pk)


def test_what_a_venue_reports_on_another_account_under_the_id_is_not_about_the_order(
    real_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = real_floor.place()
    work_orders()
    trade = play(real_floor, monkeypatch).add(order)
    with acting(**BY):
        elsewhere = make_account(name="beta-paper")
        venues.keep_report(
            account=elsewhere,
            client_order_id=order.client_order_id.hex,
            trade=trade,
            request={},
            sent_at=real_floor.wall.now,
            took_ms=1.0,
        )

    assert VenueMessage.objects.filter(client_order_id=order.client_order_id.hex).count() == 2
    assert said(order) == [("submit", "")]


SECRETS: list[Any] = [
    {"APCA-API-SECRET-KEY": CANARY},
    {"apiKey": CANARY, "nested": [{"password": CANARY}, {"Authorization": f"Bearer {CANARY}"}]},
    {"headers": {"x-access-token": CANARY, "Cookie": CANARY}},
    f"POST /orders?api_key={CANARY}&symbol=BTC",
    f'{{"secret": "{CANARY}", "symbol": "BTC"}}',
    f"Authorization: Basic {CANARY}",
    f"401 for Bearer {CANARY}",
    {"signature": CANARY, "text": f"passphrase: {CANARY}; retry"},
    {f"token={CANARY}": 1},
]


@pytest.mark.parametrize("value", SECRETS, ids=range(len(SECRETS)))
def test_no_secret_is_kept(value: Any) -> None:
    assert CANARY not in json.dumps(messages.shown(value))


def test_what_is_no_secret_is_kept_whole() -> None:
    plain = {"symbol": "BTC-USD", "client_order_id": "a" * 32, "side": "BUY", "text": "market order of 3 BTC-USD"}

    assert messages.shown(plain) == plain


def test_a_secret_that_the_venue_echoes_is_not_stored(real_floor: Floor) -> None:
    real_floor.line.fails = {"submit": VenueRejected(f"token={CANARY}")}
    order = real_floor.place()

    work_orders()

    assert CANARY not in json.dumps([message.error for message in messages_of(order)])
