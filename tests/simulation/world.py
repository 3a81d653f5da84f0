"""The world that a run plays in: one desk, two accounts, two markets, three bots, three people.

It is built once a process in a database of its own; before each seed every table is put back as it was then.
What the product comes to require of a world (limits of new kinds, balances, prices) is added here only.
"""

import random
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

from apps.access import services as access
from apps.access.models import Scope, User
from apps.audit.context import acting
from apps.bots.models import Bot
from apps.common.clocks import from_ms, wall_now
from apps.deployments import selectors as deployments
from apps.deployments import services as deploying
from apps.deployments.models import Deployment
from apps.execution.models import AccountSync
from apps.markets import services as markets
from apps.markets.models import Feed, Instrument
from apps.promotions.models import Promotion
from apps.risk import services as risk
from apps.risk.models import Limit
from apps.venues import breaker, budget, messages
from apps.venues.models import Account
from apps.venues.paper import matching
from apps.venues.paper import services as paper
from apps.venues.paper.models import PaperAccount, PaperMarket, PaperOrder
from tests.execution.builders import LIMITS, make_bot, make_promotion, make_release
from tests.markets.builders import BY, HOUR_MS, MARKET_START_MS
from tests.venues.builders import list_paper, make_account

BARS = 3_000
SPEED = 3_600  # market seconds a wall second: a bar a second
POSITION_MAX = Decimal(10)
SYMBOLS = ("BTC-USD", "ETH-USD")
# A bot, the account and the symbol that it trades: two share an account, two share a symbol.
SEATS = (("alpha-trend", "alpha-one", 0), ("alpha-carry", "alpha-one", 1), ("alpha-range", "alpha-two", 0))
OPENING_CASH = "3000"


TICK = """
    WITH feeds AS (UPDATE markets_feedclock SET wall_anchor = %s, ticked_at = %s, market_anchor = %s),
    prices AS (
        UPDATE markets_referenceprice r SET price = p.price::numeric, seen_at = %s
        FROM unnest(%s::text[], %s::text[]) AS p (symbol, price) JOIN markets_instrument i ON i.symbol = p.symbol
        WHERE r.instrument_id = i.id
    ),
    cash AS (
        UPDATE execution_accountsync s SET cash = p.cash, cash_at = %s
        FROM venues_account a JOIN paper_paperaccount p ON p.name = a.name WHERE s.account_id = a.id
    ),
    books AS (UPDATE risk_scopebook SET marked_at = %s)
    UPDATE paper_papermarket m SET matched_until_ms = %s
    WHERE NOT EXISTS (SELECT 1 FROM paper_paperorder o WHERE o.symbol = m.symbol AND o.state = 'open')
"""


@dataclass
class Seat:
    """One bot at work: what its orders need."""

    number: int
    bot: Bot
    account: Account
    feed: Feed
    deployment_id: UUID
    promotions: list[Promotion]

    @property
    def instrument(self) -> Instrument:
        """What it trades."""
        return self.feed.instrument

    def deployment(self) -> Deployment:
        """The deployment as it is now."""
        found = deployments.traded(self.deployment_id)
        assert found is not None
        return found


@dataclass
class World:
    """Everything that the steps act on."""

    feeds: list[Feed]
    seats: list[Seat]
    trader: User
    owners: list[User]
    scopes: list[Scope]
    closes: dict[str, list[str]]
    market_ms: int = MARKET_START_MS

    @property
    def accounts(self) -> list[Account]:
        """The accounts, each once."""
        return list({seat.account.pk: seat.account for seat in self.seats}.values())

    def begin(self, choices: random.Random) -> None:
        """Give a seed its own stretch of the market, cash and manners of the venue; forget what this process knew."""
        forget()
        self.market_ms = MARKET_START_MS + choices.randrange(1, BARS // 2) * HOUR_MS
        for market in PaperMarket.objects.order_by("symbol"):
            market.matched_until_ms = self.market_ms
            market.simulation |= manners(choices)
            market.save()
        cash = Decimal(choices.choice((OPENING_CASH, "100000")))
        PaperAccount.objects.update(cash=cash, opening_cash=cash)
        with acting(**BY):
            Account.objects.update(opening_cash=cash)
        self.tick(0.0)

    def tick(self, seconds: float) -> None:
        """What regular tasks keep fresh over some seconds, in one statement: feeds, prices, cash, valuations.

        One bar completes each second on every feed. A market of the venue without an open order moves on at once.
        """
        self.market_ms += int(seconds * 1000) * SPEED
        bar = (self.market_ms - MARKET_START_MS) // HOUR_MS - 1
        prices = [self.closes[seat.instrument.symbol][bar] for seat in self.seats[:2]]
        symbols = [seat.instrument.symbol for seat in self.seats[:2]]
        now = wall_now()
        with connection.cursor() as cursor:
            cursor.execute(TICK, [now, now, from_ms(self.market_ms), now, symbols, prices, now, now, self.market_ms])

    def upkeep(self, seconds: float) -> None:
        """Some seconds with the platform alive: everything is fresh, and the venue matches what is open."""
        self.tick(seconds)
        busy = set(PaperOrder.objects.filter(state="open").values_list("symbol", flat=True))
        for market in PaperMarket.objects.filter(symbol__in=busy).order_by("symbol"):
            bars = (self.market_ms - market.matched_until_ms) // HOUR_MS
            matching.match_market(market.symbol, bars_max=bars)


def forget() -> None:
    """What a process keeps in memory between its tasks; a new one has none of it."""
    deployments._known.clear()
    breaker._known.clear()
    budget._taken.slices.clear()
    budget._taken.orders.clear()
    messages._waiting.messages = []


def manners(choices: random.Random) -> dict[str, Any]:
    """How a market trades in one seed: whole or in parts, at once or late, with or without queue, shorts and fees.

    A bar has a volume of 1,000: the queues are a few orders or many long, the latencies a part of a bar or several.
    """
    return {
        "participation_cap": choices.choice((None, None, None, "0.001", "0.003")),
        "allow_short": choices.random() < 0.7,
        "taker_fee_bps": choices.choice(("0", "5")),
        "queue_share": choices.choice(("0", "0", "0.005", "0.05")),
        "latency_ms": choices.choice((0, 0, HOUR_MS // 4, 5 * HOUR_MS // 2)),
    }


def make_world(folder: Path) -> World:
    """Build the world in the current, empty database; `folder` takes the files of bars."""
    choices = random.Random("the market")
    prices = {symbol: closes(choices) for symbol in SYMBOLS}
    feeds = [list_paper(folder, prices[symbol], symbol=symbol) for symbol in SYMBOLS]
    accounts = {}
    for _, name, _ in SEATS:
        if name not in accounts:
            paper.open_account(name=name, currency="USD", opening_cash=OPENING_CASH)
            accounts[name] = make_account(name=name, opening_cash=OPENING_CASH)
    with acting(**BY):
        seats = [
            _seat(number, name, accounts[account], feeds[feed]) for number, (name, account, feed) in enumerate(SEATS)
        ]
        people = [_person(accounts["alpha-one"], name) for name in ("trader", "risk owner", "risk owner")]
    scopes = _scopes(seats)
    _keep_fresh(seats, scopes)
    return World(feeds, seats, people[0], people[1:], scopes, prices)


def _keep_fresh(seats: list[Seat], scopes: list[Scope]) -> None:
    """The rows that `World.tick` renews."""
    risk.open_books([scope.pk for scope in scopes], mode="paper")
    for seat in seats:
        source = f"venue:{seat.account.venue.name}"
        markets.see_reference(instrument=seat.instrument, source=source, price=Decimal(100), seen_at=wall_now())
        AccountSync.objects.get_or_create(account=seat.account, defaults={"due_at": wall_now()})


def closes(choices: random.Random) -> list[str]:
    """A market that wanders around 100 by up to a percent a bar."""
    price, found = 100.0, []
    for _ in range(BARS):
        price += choices.uniform(-1, 1) + (100 - price) * 0.02
        found.append(f"{price:.2f}")
    return found


def _seat(number: int, name: str, account: Account, feed: Feed) -> Seat:
    bot = make_bot(account, name)
    Bot.objects.filter(pk=bot.pk).update(symbols=[feed.instrument.symbol])
    for kind, value in LIMITS.items():
        Limit.objects.create(scope=bot.scope, kind=kind, value=Decimal(value), set_by="job:tests")
    promotions = [make_promotion(make_release(bot, feed), account) for _ in range(2)]
    deployment = deploying.start(promotion=promotions[0], **BY)
    return Seat(number, bot, account, feed, deployment.pk, promotions)


def _person(account: Account, role: str) -> User:
    person = User.objects.create(username=f"person-{User.objects.count()}", display_name=role)
    firm = Scope.objects.get(kind="firm")
    access.grant_role(user=person, role=role, scope=firm, **BY)
    return person


def _scopes(seats: list[Seat]) -> list[Scope]:
    """Every scope that a hold can be placed on and that concerns some order."""
    ids: dict[UUID, None] = {}
    for seat in seats:
        venue = seat.account.venue.scope_id
        lineages = (*seat.bot.scope.lineage, *seat.account.scope.lineage)
        ids |= dict.fromkeys((*lineages, venue, seat.instrument.scope_id))
    found = Scope.objects.in_bulk(list(ids))
    return [found[pk] for pk in ids]
