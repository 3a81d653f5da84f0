"""Breaks put into the venue's books on purpose."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.venues.paper.models import PaperAccount, PaperOrder, PaperTrade
from tests.markets.builders import Wall
from tests.venues.builders import ACCOUNT, list_paper, open_paper

pytestmark = pytest.mark.django_db


def test_a_stray_trade_moves_the_whole_book(wall: Wall, folder: Path) -> None:
    list_paper(folder, ["100", "101"])
    venue = open_paper()

    call_command("inject_break", account=ACCOUNT, kind="trade", quantity="2", price="100")

    assert [trade.quantity for trade in venue.trades_since(0, 10)] == [2]
    assert venue.balances()[0].amount == 9_800
    assert venue.positions()[0].quantity == 2


def test_a_position_changes_without_a_trade(wall: Wall, folder: Path) -> None:
    list_paper(folder, ["100", "101"])
    venue = open_paper()

    call_command("inject_break", account=ACCOUNT, kind="position")

    assert venue.positions()[0].quantity == 1
    assert venue.trades_since(0, 10) == []


def test_cash_changes_without_a_trade(wall: Wall, folder: Path) -> None:
    venue = open_paper()

    call_command("inject_break", account=ACCOUNT, kind="cash", amount="-12.5")

    assert venue.balances()[0].amount == Decimal("9987.5")


@pytest.mark.parametrize("kind", ["trade", "position", "cash"])
def test_where_demos_are_not_allowed_nothing_is_injected(
    wall: Wall, folder: Path, settings: Settings, kind: str
) -> None:
    list_paper(folder, ["100", "101"])
    venue = open_paper()
    settings.DEMO_ALLOWED = False

    with pytest.raises(CommandError, match="DEMO_ONLY"):
        call_command("inject_break", account=ACCOUNT, kind=kind)

    assert venue.positions() == []
    assert PaperAccount.objects.get().cash == 10_000
    assert not PaperTrade.objects.exists()
    assert not PaperOrder.objects.exists()
