"""The guard around adapters: never inside our transaction, and nothing but the protocol's errors."""

import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from django.db import transaction
from pytest_django import Settings

from apps.common.errors import Invalid, Refused
from apps.venues import services
from apps.venues.adapters.base import NoAnswer, VenueRejected, VenueTimeout
from apps.venues.alpaca import adapter as alpaca
from apps.venues.models import Account, Venue
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperOrder
from apps.venues.wire import check_declared
from tests.contracts.alpaca_server import AlpacaServer
from tests.contracts.conftest import write_keys
from tests.contracts.rigs import make_order
from tests.databases import url_of
from tests.markets.builders import Wall
from tests.venues.builders import ACCOUNT, list_paper, make_account, make_request, make_venue, open_paper


def test_a_call_inside_a_transaction_is_a_programming_error(wall: Wall, folder: Path, committed_db: str) -> None:
    list_paper(folder, ["100", "101"])
    open_paper()
    venue = services.adapter_for(make_account())

    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        venue.submit(make_request())

    assert not PaperOrder.objects.exists()
    assert venue.submit(make_request()).client_order_id == "one"


def test_a_venue_that_declares_no_extended_hours_is_not_asked_for_them() -> None:
    order = make_order(time_in_force="DAY", is_extended_hours=True)
    without = replace(alpaca.CAPABILITIES, has_extended_hours=False)

    check_declared(order, alpaca.CAPABILITIES)
    with pytest.raises(VenueRejected, match="extended hours") as refused:
        check_declared(order, without)
    assert refused.value.code == "VENUE_CANNOT"


def test_whatever_an_adapter_raises_is_no_answer(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = services.adapter_for(make_account())
    monkeypatch.setattr(PaperAdapter, "positions", lambda _: 1 / 0)

    with pytest.raises(NoAnswer) as failure:
        venue.positions()

    assert failure.value.code == "VENUE_NO_ANSWER"


def test_the_venues_own_no_passes_with_its_code(committed_db: str) -> None:
    venue = services.adapter_for(make_account())

    with pytest.raises(VenueRejected) as rejection:
        venue.balances()

    assert rejection.value.code == "ACCOUNT_UNKNOWN"


def test_a_venue_that_takes_too_long_is_a_timeout(wall: Wall, folder: Path, committed_db: str) -> None:
    list_paper(folder, ["100", "101"])
    open_paper()
    slow = PaperAdapter(ACCOUNT, timeout_s=0.2)
    with psycopg.connect(url_of(committed_db)) as other:
        other.execute("SELECT * FROM paper_paperaccount FOR UPDATE")
        started = time.monotonic()

        with pytest.raises(VenueTimeout):
            slow.submit(make_request())

        assert time.monotonic() - started < 2
    assert not PaperOrder.objects.exists()


def test_a_venue_without_its_database_gives_no_answer(
    wall: Wall, folder: Path, committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_paper(folder, ["100", "101"])
    open_paper()
    venue = services.adapter_for(make_account())

    def drop(*_: object) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("apps.venues.paper.services.submit", drop)
    with pytest.raises(NoAnswer):
        venue.submit(make_request())


@pytest.mark.django_db
def test_an_account_and_a_venue_that_disagree_about_real_money_are_refused() -> None:
    venue = make_venue()

    with pytest.raises(Refused) as refusal:
        make_account(venue=venue, environment="live")

    assert refusal.value.code == "VENUE_MODE_MISMATCH"
    assert not Account.objects.exists()


@pytest.mark.django_db
def test_the_mode_is_checked_again_at_every_use() -> None:
    account = make_account()
    account.venue.mode = "live"

    with pytest.raises(Refused) as refusal:
        services.adapter_for(account)

    assert refusal.value.code == "VENUE_MODE_MISMATCH"


@pytest.mark.django_db
@pytest.mark.parametrize("adapter", ["nowhere", "models", "adapters", "../paper", "", "Paper"])
def test_an_unknown_adapter_is_refused(adapter: str) -> None:
    with pytest.raises(Invalid) as refusal:
        make_venue(adapter=adapter)

    assert refusal.value.code == "ADAPTER_UNKNOWN"
    assert not Venue.objects.exists()


@pytest.mark.django_db
def test_the_paper_venue_never_trades_real_money() -> None:
    with pytest.raises(Refused) as refusal:
        make_venue(mode="live")

    assert refusal.value.code == "ADAPTER_MODE"


@pytest.mark.django_db
def test_an_account_name_is_taken_once() -> None:
    make_account()

    with pytest.raises(Invalid) as refusal:
        make_account()

    assert refusal.value.code == "ACCOUNT_NAME_TAKEN"
    assert Account.objects.count() == 1


def test_an_account_behind_http_trades_through_the_guard_with_its_own_keys(
    committed_db: str, tmp_path: Path, settings: Settings
) -> None:
    settings.VENUE_KEYS_ROOT = tmp_path
    write_keys(tmp_path, ACCOUNT)
    server = AlpacaServer()
    with server.running():
        venue = make_venue(name="broker", adapter="alpaca", venue_settings={"url": server.url})
        adapter = services.adapter_for(make_account(venue=venue))
        order = make_order()

        answer = adapter.submit(order)

    assert answer.client_order_id == order.client_order_id
    assert [placed.client_id for placed in server.book.orders] == [order.client_order_id]


def test_an_account_without_keys_is_refused_before_anything_is_asked(
    committed_db: str, tmp_path: Path, settings: Settings
) -> None:
    settings.VENUE_KEYS_ROOT = tmp_path

    with pytest.raises(Refused) as refusal:
        services.adapter_for(make_account(venue=make_venue(name="broker", adapter="alpaca")))

    assert refusal.value.code == "KEYS_MISSING"
