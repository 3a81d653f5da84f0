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

from apps.access import services as access
from apps.access.models import Scope, User
from apps.audit.context import acting
from apps.bots.models import Bot
from apps.common.clocks import from_ms, wall_now
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.markets import services as markets
from apps.markets.models import Feed, FeedClock, Instrument
from apps.promotions.models import Promotion
from apps.risk.models import Limit
from apps.venues.models import Account
from apps.venues.paper import matching
from apps.venues.paper import services as paper
from apps.venues.paper.models import PaperAccount, PaperMarket
from tests.execution.builders import LIMITS, make_bot, make_promotion, make_release
from tests.markets.builders import BY, HOUR_MS, MARKET_START_MS
from tests.venues.builders import list_paper, make_account

BARS = 1_500
POSITION_MAX = Decimal(10)
SYMBOLS = ("BTC-USD", "ETH-USD")
# A bot, the account and the symbol that it trades: two share an account, two share a symbol.
SEATS = (("alpha-trend", "alpha-one", 0), ("alpha-carry", "alpha-one", 1), ("alpha-range", "alpha-two", 0))
OPENING_CASH = "3000"


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
        return Deployment.objects.select_related(
            "bot__scope", "account__scope", "account__venue__scope", "feed__dataset", "feed__instrument",
            "instrument__scope", "release__config_bundle",
        ).get(pk=self.deployment_id)  # fmt: skip


@dataclass
class World:
    """Everything that the steps act on."""

    feeds: list[Feed]
    seats: list[Seat]
    trader: User
    owners: list[User]
    scopes: list[Scope]

    @property
    def accounts(self) -> list[Account]:
        """The accounts, each once."""
        return list({seat.account.pk: seat.account for seat in self.seats}.values())

    def begin(self, choices: random.Random) -> None:
        """Give a seed its own stretch of the market, cash and manners of the venue."""
        for feed in self.feeds:
            start_ms = MARKET_START_MS + choices.randrange(1, BARS // 2) * HOUR_MS
            now = wall_now()
            clock = {"wall_anchor": now, "ticked_at": now, "market_anchor": from_ms(start_ms)}
            FeedClock.objects.filter(feed=feed).update(**clock)
            market = PaperMarket.objects.get(symbol=feed.instrument.symbol)
            market.matched_until_ms = start_ms
            market.simulation |= manners(choices)
            market.save()
        cash = Decimal(choices.choice((OPENING_CASH, "100000")))
        PaperAccount.objects.update(cash=cash, opening_cash=cash)
        with acting(**BY):
            Account.objects.update(opening_cash=cash)
        self.upkeep()

    def upkeep(self) -> None:
        """What the platform's regular tasks keep fresh while it is alive: the feeds tick, the venue matches."""
        markets.tick_feeds()
        matching.match_due()


def manners(choices: random.Random) -> dict[str, Any]:
    """How a market trades in one seed: whole or in parts, with or without shorts and fees."""
    return {
        "participation_cap": choices.choice((None, None, "0.001", "0.003")),
        "allow_short": choices.random() < 0.7,
        "taker_fee_bps": choices.choice(("0", "5")),
    }


def make_world(folder: Path) -> World:
    """Build the world in the current, empty database; `folder` takes the files of bars."""
    choices = random.Random("the market")
    feeds = [list_paper(folder, closes(choices), symbol=symbol) for symbol in SYMBOLS]
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
    return World(feeds, seats, people[0], people[1:], _scopes(seats))


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
    deployment = deployments.start(promotion=promotions[0], **BY)
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
