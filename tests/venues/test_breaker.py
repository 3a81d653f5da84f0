"""The circuit breaker: calls in a row without an answer open it, with one alert; the first answer closes it."""

from typing import Any

import pytest

from apps.alerts.models import Alert
from apps.venues import breaker, messages, selectors
from apps.venues import services as venues
from apps.venues.adapters.base import NoAnswer, VenueDown, VenueRejected, VenueTimeout
from apps.venues.budget import Priority
from apps.venues.models import Account, Venue, VenueHealth
from apps.venues.paper import adapter as paper_adapter
from apps.venues.paper.adapter import PaperAdapter
from tests.execution.builders import Line, together
from tests.markets.builders import Wall
from tests.venues.builders import ACCOUNT, make_account, make_request, open_paper


@pytest.fixture
def line(committed_db: str, wall: Wall, monkeypatch: pytest.MonkeyPatch) -> Line:
    """The wire to the paper venue, where one account is open."""
    wire = Line()

    def connect(account: Account, timeout_s: float) -> Any:
        return wire.wrap(PaperAdapter(account.name, timeout_s))

    monkeypatch.setattr(paper_adapter, "connect", connect)
    open_paper()
    make_account()
    return wire


def account() -> Account:
    """The account as another process would read it."""
    breaker.forget(Venue.objects.get().pk)
    return Account.objects.select_related("venue__scope").get(name=ACCOUNT)


def silence(line: Line, calls: int) -> None:
    """The venue leaves so many lookups in a row without an answer."""
    line.lose_reply = {"order_by_client_id"}
    for _ in range(calls):
        with pytest.raises(VenueTimeout):
            venues.adapter_for(account()).order_by_client_id("any")
    line.lose_reply = set()


def is_up() -> bool:
    return selectors.is_up(account().venue)


def test_four_unanswered_calls_do_not_open_it_and_the_fifth_does_with_an_alert(line: Line) -> None:
    silence(line, 4)
    assert is_up()
    assert not Alert.objects.exists()

    silence(line, 1)

    alert, venue = Alert.objects.get(), Venue.objects.get()
    assert not is_up()
    assert (alert.code, alert.tier, alert.scope_id) == ("VENUE_OUTAGE", "critical", venue.scope_id)
    silence(line, 3)
    assert Alert.objects.get().repeats == 0


def test_an_answer_in_between_starts_the_count_anew(line: Line) -> None:
    silence(line, 4)
    venues.adapter_for(account()).ping()
    silence(line, 4)

    assert is_up()


def test_a_refusal_is_an_answer(line: Line) -> None:
    silence(line, 4)
    with pytest.raises(VenueRejected):
        venues.adapter_for(account()).cancel("unknown")
    silence(line, 4)

    assert is_up()


def test_an_adapters_own_refusal_says_nothing_about_the_venue(line: Line) -> None:
    silence(line, 5)
    line.fails = {"cancel": VenueRejected("ENDPOINT_FORBIDDEN")}
    with pytest.raises(VenueRejected):
        venues.adapter_for(account()).cancel("any")

    assert not is_up()


def test_what_opens_is_not_tried_while_it_is_open(line: Line) -> None:
    silence(line, 5)
    line.calls.clear()

    with pytest.raises(VenueDown):
        venues.reserve_call(account())
    with pytest.raises(VenueDown):
        venues.adapter_for(account()).submit(make_request())

    assert line.calls == []


def test_cancels_lookups_positions_and_exits_are_tried(line: Line) -> None:
    silence(line, 5)
    line.lose_request = {"cancel", "order_by_client_id", "positions", "submit"}
    adapter = venues.adapter_for(account())
    line.calls.clear()

    for call in (lambda: adapter.cancel("a"), lambda: adapter.order_by_client_id("a"), adapter.positions):
        with pytest.raises(NoAnswer):
            call()
    venues.reserve_call(account(), urgent=True)
    with pytest.raises(NoAnswer):
        adapter.submit(make_request(side="SELL", is_reduce_only=True))

    assert line.calls == ["cancel", "order_by_client_id", "positions", "submit"]


def test_one_probe_goes_out_per_back_off(line: Line, wall: Wall) -> None:
    silence(line, 5)
    line.lose_request = {"ping"}
    line.calls.clear()

    def ping() -> None:
        with pytest.raises((NoAnswer, VenueDown)):
            venues.adapter_for(account()).ping()

    ping()
    assert line.calls == []
    for _ in range(3):
        wall.advance(1)
        ping()
        ping()
    assert line.calls == ["ping", "ping"]  # after one second and after two more


def test_the_first_answer_closes_it_and_clears_the_alert(line: Line, wall: Wall) -> None:
    silence(line, 6)
    wall.advance(3)

    venues.adapter_for(account()).ping()

    assert is_up()
    assert Alert.objects.get().state == "resolved"
    row = VenueHealth.objects.get()
    assert (row.failures, row.opened_at, row.probe_at) == (0, None, None)
    silence(line, 5)
    assert Alert.objects.filter(state="open").count() == 1


def test_a_venue_that_answers_costs_no_statement(
    line: Line, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = account().venue
    breaker.answered(venue)

    with django_assert_num_queries(0):
        for _ in range(100):
            breaker.answered(venue)


def test_two_connections_open_it_once(line: Line) -> None:
    venue = account().venue

    together(*[lambda: breaker.unanswered(venue)] * 8)

    assert VenueHealth.objects.get().failures == 8
    assert Alert.objects.get().repeats == 0


def test_an_answer_is_not_lost_when_health_and_record_cannot_be_written(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(line, 1)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(breaker, "answered", broken)
    monkeypatch.setattr(messages.VenueMessage.objects, "bulk_create", broken)

    assert venues.adapter_for(account()).order_by_client_id("unknown") is None


def test_each_call_of_the_guard_takes_a_token_of_its_kind(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr(
        "apps.venues.budget.spend", lambda _, per_minute, priority: taken.append((per_minute, priority))
    )
    adapter = venues.adapter_for(account())

    adapter.order_by_client_id("one")
    adapter.open_orders()
    with pytest.raises(VenueRejected):
        adapter.submit(make_request(symbol="NONE"))

    per_minute = adapter.capabilities().requests_per_minute
    assert taken == [(per_minute, Priority.URGENT), (per_minute, Priority.POLL), (per_minute, Priority.ORDER)]
