"""`manage.py paper_fault`."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.venues.paper import matching
from apps.venues.paper.models import PaperFault
from tests.markets.builders import Wall
from tests.venues.builders import ACCOUNT, list_paper, make_request, open_paper

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    said = StringIO()
    call_command("paper_fault", *words, stdout=said)
    return said.getvalue().strip()


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["drop_reply", "--call", "submit"], {"call": "submit", "count": 1, "account": ""}),
        (["reject", "--code", "NO", "--count", "3"], {"call": "any", "count": 3, "code": "NO"}),
        (["delay", "--delay-ms", "250", "--account", ACCOUNT], {"delay_ms": 250, "account": ACCOUNT}),
        (["fill_after_cancel"], {"call": "cancel", "count": 1}),
        (["drop_request", "--seconds", "30"], {"count": None}),
    ],
)
def test_a_fault_waits_as_it_was_ordered(wall: Wall, words: list[str], fields: dict[str, Any]) -> None:
    open_paper()

    assert run(*words).startswith(f"waiting: {words[0]}")

    assert PaperFault.objects.filter(kind=words[0], is_open=True, **fields).count() == 1


def test_an_outage_ends_after_its_seconds(wall: Wall) -> None:
    run("outage", "--seconds", "30")

    assert PaperFault.objects.get().until == wall.now + timedelta(seconds=30)


def test_faults_are_cleared() -> None:
    run("outage")

    assert run("--clear") == "cleared: 1"
    assert not PaperFault.objects.filter(is_open=True).exists()


def test_a_named_trade_is_undone_at_once(wall: Wall, folder: Path) -> None:
    list_paper(folder, ["100", "101", "102"])
    venue = open_paper()
    venue.submit(make_request())
    wall.advance(1)
    matching.match_due()
    trade = venue.trades_since(0, 10)[0].trade_id

    assert run("bust", "--account", ACCOUNT, "--trade", trade) == f"undone: {trade}"
    assert venue.positions() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "name a kind"),
        (["reorder", "--call", "submit"], "FAULT_CALL"),
        (["bust", "--account", "nobody", "--trade", "x"], "ACCOUNT_UNKNOWN"),
    ],
)
def test_what_makes_no_sense_is_told(words: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(*words)

    assert not PaperFault.objects.exists()


def test_where_demos_are_not_allowed_the_command_does_nothing(settings: Settings) -> None:
    settings.DEMO_ALLOWED = False

    with pytest.raises(CommandError, match="DEMO_ONLY"):
        run("outage")

    assert not PaperFault.objects.exists()
