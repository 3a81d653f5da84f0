"""The fleet page: its rows, its filters, and a query count that does not grow."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access import services as access
from apps.access.states import ScopeKind
from apps.audit.context import acting
from apps.bots.models import Bot
from apps.deployments.models import Deployment
from apps.execution.models import EquityPoint
from apps.risk import services as risk
from tests.api.standing import LIMITS
from tests.api.world import START


def add_bots(side, number, name="more"):
    """More bots of the side, each deployed on an account of its own with a little history."""
    with acting("job:test", "arrange"):
        for n in range(number):
            _add_bot(side, f"{side.desk.name}-{name}-{n}")


def _add_bot(side, name):
    scope = access.make_scope(kind=ScopeKind.BOT, name=name, parent=side.strategy.scope)
    bot = Bot.objects.create(
        strategy=side.strategy,
        name=name,
        owner=side.bot.owner,
        fallback_owner=side.bot.fallback_owner,
        symbols=["BTC-USD"],
        accounts=[side.account.name],
        scope=scope,
    )
    deployment = Deployment.objects.create(
        bot=bot,
        account=side.account,
        environment="paper",
        mode="paper",
        stage="simulated_execution",
        capital=1,
        release=side.release,
        promotion=side.promotion,
        feed=side.feed,
        instrument=side.instrument,
        limits=LIMITS,
    )
    for hour in range(3):
        EquityPoint.objects.create(
            deployment=deployment,
            market_at=START + timedelta(hours=hour),
            mark_price=60000,
            quantity=1,
            pnl=Decimal(hour * 10),
        )


def queries_of(client, path):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize("path", ["/fleet/", "/", "/fleet/export.csv"])
def test_more_bots_need_no_more_queries(world, signed_in, path):
    client = signed_in(world.own.people["trader"])
    add_bots(world.own, 2)
    few = queries_of(client, path)
    add_bots(world.own, 20, "many")

    assert queries_of(client, path) == few


def test_a_row_shows_build_state_hold_and_profit(world, signed_in):
    add_bots(world.own, 1)
    text = signed_in(world.own.people["trader"]).get("/fleet/?q=own-more-0").content.decode()
    assert "1.0.0" in text
    assert "PAPER" in text
    assert "+20.00" in text
    assert "up 20.00 over 3 bars" in text


def test_a_hold_above_the_bot_shows_in_its_row(world, signed_in):
    risk.place_hold(scope=world.own.desk.scope, level="HALTED", actor=world.own.people["operator"], reason="storm")
    text = signed_in(world.own.people["trader"]).get("/fleet/").content.decode()
    assert "■ HALTED" in text
    assert "storm" in text


def test_filters_are_parts_of_the_address(world, signed_in):
    add_bots(world.own, 2)
    client = signed_in(world.own.people["trader"])
    assert "own-trend-btc" not in client.get("/fleet/?q=more-1").content.decode()
    assert "No bot matches" in client.get("/fleet/?mode=live").content.decode()
    held = client.get("/fleet/?attention=1").content.decode()
    assert "own-trend-btc" in held
    assert "own-more-0" not in held


def test_the_export_quotes_what_a_spreadsheet_would_run(world, signed_in):
    with acting("job:test", "arrange"):
        world.own.strategy.name = "=HYPERLINK(1)"
        world.own.strategy.save()
    response = signed_in(world.own.people["trader"]).get("/fleet/export.csv")
    assert "'=HYPERLINK(1)" in b"".join(response.streaming_content).decode()


def test_another_desk_is_not_in_the_fleet(world, signed_in):
    text = signed_in(world.own.people["trader"]).get("/fleet/").content.decode()
    assert "own-trend-btc" in text
    assert "other-trend-btc" not in text
