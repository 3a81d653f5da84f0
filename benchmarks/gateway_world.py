"""The world of the gateway benchmark: bots with an account, limits and a deployment each.

Made by the demo's own builders. Gates and votes are left out: the order path reads none of them.
"""

import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from apps.access import services as access
from apps.access.models import RiskBucket, User
from apps.bots.models import Bot
from apps.common.clocks import wall_now
from apps.console.demo import bots as demo
from apps.console.demo import people
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import AccountSync
from apps.markets import selectors as market
from apps.markets import services as markets
from apps.markets.models import Feed
from apps.risk import services as risk
from apps.venues import services as venues
from apps.venues.models import Account, Venue

BOTS = 100
HOUR_MS = 3_600_000
FEED_STARTS = datetime(2018, 1, 2, tzinfo=UTC)
DONE_BY: dict[str, Any] = {"actor": people.ACTOR, "reason": people.REASON}
# Wide, so that no order of the benchmark is denied: every control is computed all the same.
WIDE = {
    "order_quantity": "1000",
    "order_notional": "100000000",
    "position": "1000000000",
    "collar_bps": "300",
    "orders_per_minute": "1000000000",
    "messages_per_second": "1000000000",
    "repeat_executions": "1000000000",
    "open_orders": "1000000000",
    "gross_exposure": "1000000000000",
    "net_exposure": "1000000000000",
    "daily_loss": "1000000000000",
    "drawdown": "1000000000000",
}
TERMS = {
    "instrument": "BTC-USD",
    "side": "BUY",
    "quantity": "0.01",
    "order_type": "LIMIT",
    "limit_price": "@PRICE@",
    "time_in_force": "GTC",
    "purpose": "OPENING",
}


def make(bots: int = BOTS) -> tuple[str, list[str]]:
    """Build it; a bearer token that may trade for every bot, and one order body a bot."""
    buckets, users = people.make_tree(), people.make_people()
    demo.set_policies()
    _make_feed()
    venue = venues.make_venue(name="paper", adapter="paper", mode="paper", **DONE_BY)
    made = [_deploy(number, buckets["Crypto"], users, venue) for number in range(bots)]
    machine = people.make_machine("Crypto", "bot")
    permissions = people.MACHINE_PERMISSIONS["bot"]
    _, token = access.make_token(user=machine, name="bench", permissions=permissions, expires_in_h=24, **DONE_BY)
    return token, [json.dumps({"deployment": str(one.pk), **TERMS}) for one in made]


def keep_fresh() -> None:
    """What sweeps do beside the gateway: the clock, the venue's price, its cash, the valuation of the books."""
    markets.tick_feeds()
    feed, now = Feed.objects.select_related("dataset", "instrument").get(), wall_now()
    bar = market.last_bar(feed)
    assert bar is not None
    markets.see_reference(instrument=feed.instrument, source="venue:paper", price=bar.close, seen_at=now)
    AccountSync.objects.bulk_create(
        [AccountSync(account=account) for account in Account.objects.filter(sync__isnull=True)]
    )
    AccountSync.objects.update(cash=Decimal(10**12), cash_at=now)
    execution.mark_books()


def _make_feed() -> None:
    """Real bars at real speed: market time all but stands still while the benchmark runs."""
    instrument = markets.add_instrument(
        symbol="BTC-USD",
        asset_class="crypto_spot",
        base_currency="BTC",
        quote_currency="USD",
        lot_size="0.0001",
        tick_size="0.01",
        is_fractional=True,
        **DONE_BY,
    )
    dataset = markets.freeze_dataset(
        name="btc", file_name="btcusd_1h.csv", instrument=instrument, interval_ms=HOUR_MS, source="bench", **DONE_BY
    )
    markets.open_feed(
        name="btc-usd-1h", instrument=instrument, dataset=dataset, speed=1, starts_at=FEED_STARTS, **DONE_BY
    )


def _deploy(number: int, bucket: RiskBucket, users: dict[str, User], venue: Venue) -> Deployment:
    name = f"bench-{number:03d}"
    account = venues.make_account(
        venue=venue,
        bucket=bucket,
        name=name,
        environment="paper",
        currency="USD",
        opening_cash="1000000",
        **DONE_BY,
    )
    with tempfile.TemporaryDirectory() as folder:
        _copy_example(Path(folder), name)
        plan = replace(demo.BOTS[0], folder=folder, name=name, strategy=name, account=name)
        bot = demo.make_bot(plan, bucket, users)
        _widen(bot, users)
        release = demo.push(plan, bot, users)
    promotion = demo.ask(plan, release, account, users, "to be measured")
    return deployments.start(promotion=promotion, **DONE_BY)


def _copy_example(folder: Path, name: str) -> None:
    """The demo's crossover bot under another name, on its own account, within wide limits."""
    example = demo.EXAMPLES / demo.BOTS[0].folder
    for file in example.iterdir():
        if file.is_file():
            (folder / file.name).write_text(file.read_text().replace(demo.BOTS[0].name, name))
    config = yaml.safe_load((example / "config.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump(config | {"accounts": [name], "limits": WIDE}))


def _widen(bot: Bot, users: dict[str, User]) -> None:
    for kind, value in WIDE.items():
        asked = risk.request_raise(
            scope=bot.scope, kind=kind, value=Decimal(value), actor=users["rita"], reason="to be measured"
        )
        assert asked.consent is not None
        risk.vote_raise(
            limit_raise=asked,
            actor=users["raj"],
            approve=True,
            reason="to be measured",
            digest=asked.consent.digest,
        )
