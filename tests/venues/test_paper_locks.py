"""One order of locks at the venue: the market, then accounts by id; nothing else is locked first."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.venues.adapters.base import ReplaceRequest
from apps.venues.paper import corrections, drills, matching
from apps.venues.paper.adapter import PaperAdapter
from tests.markets.builders import Wall
from tests.venues.builders import ACCOUNT, list_paper, make_request, open_paper

pytestmark = pytest.mark.django_db
CLOSES = ["100", "101", "102", "103"]
ACTS: dict[str, Callable[[PaperAdapter], Any]] = {
    "submit": lambda venue: venue.submit(make_request("two")),
    "cancel": lambda venue: venue.cancel("one"),
    "replace": lambda venue: venue.replace(ReplaceRequest("one", "BTC-USD", make_request(quantity="2").quantity)),
    "cancel_all": lambda venue: venue.cancel_all(),
    "fill after cancel": lambda _: corrections.cancel_then_fill(account_name=ACCOUNT, client_order_id="one"),
    "bust": lambda _: corrections.bust(account_name=ACCOUNT),
}


def touched(queries: CaptureQueriesContext) -> list[str]:
    """Rows locked and tables written, in order."""
    found = []
    for sql in (query["sql"] for query in queries):
        locked = re.search(r'FROM "(paper_\w+)".*FOR UPDATE', sql)
        written = re.match(r'(?:UPDATE|INSERT INTO|DELETE FROM) "(paper_\w+)"', sql)
        found += [f"lock {locked[1]}"] if locked else [f"write {written[1]}"] if written else []
    return found


@pytest.mark.parametrize("act", ACTS)
def test_an_account_is_locked_before_anything_of_it_is_written(wall: Wall, folder: Path, act: str) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()
    venue.submit(make_request("before"))
    wall.advance(1)
    matching.match_due()
    venue.submit(make_request("one"))

    with CaptureQueriesContext(connection) as queries:
        ACTS[act](venue)

    assert touched(queries)[0] == "lock paper_paperaccount"
    assert "lock paper_papermarket" not in touched(queries)


@pytest.mark.parametrize(
    "act",
    [
        lambda: matching.match_market("BTC-USD"),
        lambda: drills.inject_trade(
            account_name=ACCOUNT,
            symbol="BTC-USD",
            side="BUY",
            quantity=make_request().quantity,
            price=make_request().quantity,
        ),
    ],
    ids=["matching", "stray trade"],
)
def test_who_needs_a_market_locks_it_before_accounts(wall: Wall, folder: Path, act: Callable[[], object]) -> None:
    list_paper(folder, CLOSES)
    open_paper(name="somebody-else").submit(make_request("one"))
    open_paper().submit(make_request("one"))
    wall.advance(1)

    with CaptureQueriesContext(connection) as queries:
        act()

    assert touched(queries)[:2] == ["lock paper_papermarket", "lock paper_paperaccount"]


def test_accounts_are_locked_in_the_order_of_their_ids(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    for name in ("somebody-else", ACCOUNT):
        open_paper(name=name).submit(make_request())
    wall.advance(1)

    with CaptureQueriesContext(connection) as queries:
        matching.match_market("BTC-USD")

    [locks] = [q["sql"] for q in queries if 'FROM "paper_paperaccount"' in q["sql"] and "FOR UPDATE" in q["sql"]]
    assert 'ORDER BY "paper_paperaccount"."id" ASC FOR UPDATE' in locks
