"""A trading floor: one bot deployed on one account of the paper venue, and a line to it that can fail."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection, connections

from apps.access import services as access
from apps.access.models import RiskBucket, User
from apps.access.states import ScopeKind
from apps.audit.context import acting
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet, Signer, Strategy
from apps.common import claims
from apps.common.clocks import wall_now
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import AccountSync, Order
from apps.execution.services import ledger
from apps.markets import selectors as market
from apps.markets import services as markets
from apps.markets.models import Feed, Instrument
from apps.promotions.models import Policy, Promotion
from apps.releases.models import Release
from apps.risk import services as risk
from apps.risk.models import Limit
from apps.venues.adapters.base import VenueTimeout
from apps.venues.models import Account
from apps.venues.paper import matching
from apps.venues.paper import services as paper
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperMarket
from tests.markets.builders import BY, WALL_START, Wall
from tests.venues.builders import list_paper, make_account

CLOSES = [str(100 + number % 3) for number in range(60)]
LIMITS = {
    "order_quantity": "10",
    "order_notional": "1000000",
    "position": "10",
    "collar_bps": "500",
    "orders_per_minute": "100",
    "messages_per_second": "100",
    "repeat_executions": "100",
    "open_orders": "100",
    "gross_exposure": "10000000",
    "net_exposure": "10000000",
    "daily_loss": "1000000",
    "drawdown": "1000000",
}
STALENESS_MS_MAX = 2_000


@dataclass
class Line:
    """The wire to the venue: names of calls in `lose_request` never arrive, of `lose_reply` are not answered."""

    lose_request: set[str] = field(default_factory=set)
    lose_reply: set[str] = field(default_factory=set)
    fails: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def wrap(self, adapter: Any) -> Any:
        """The adapter behind this line."""
        return Wired(adapter, self)


class Wired:
    """An adapter whose every call goes over a line."""

    def __init__(self, adapter: Any, line: Line) -> None:
        self._adapter, self._line = adapter, line

    def __getattr__(self, name: str) -> Any:
        if name == "capabilities":  # known without the wire
            return self._adapter.capabilities

        def call(*args: Any) -> Any:
            line = self._line
            line.calls.append(name)
            if name in line.fails:
                raise line.fails[name]
            if name in line.lose_request:
                raise VenueTimeout("the request was lost")
            answer = getattr(self._adapter, name)(*args)
            if name in line.lose_reply:
                raise VenueTimeout("the reply was lost")
            return answer

        return call


@dataclass
class Floor:
    """What a test trades with; `line` is the wire to the venue."""

    wall: Wall
    feed: Feed
    bot: Bot
    account: Account
    release: Release
    promotion: Promotion
    deployment: Deployment
    trader: User
    line: Line

    @property
    def instrument(self) -> Instrument:
        """What is traded."""
        return self.feed.instrument

    @property
    def venue(self) -> PaperAdapter:
        """The venue without the line."""
        return PaperAdapter(self.account.name, timeout_s=5)

    def pass_time(self, seconds: int) -> None:
        """Let wall time pass while the platform is alive: the feed ticks, the venue matches."""
        for _ in range(seconds):
            self.wall.advance(1)
            markets.tick_feeds()
            matching.match_due()
        self.hear()

    def hear(self) -> None:
        """The other sources speak: the venue's price and cash are fresh, and everything was valued just now."""
        now, bar = wall_now(), market.last_bar(self.feed)
        if bar is not None:
            markets.see_reference(instrument=self.instrument, source="venue:paper", price=bar.close, seen_at=now)
        with acting(**BY):
            heard = {"cash": self.venue.balances()[0].amount, "cash_at": now}
            AccountSync.objects.update_or_create(
                account=self.account, defaults=heard, create_defaults=heard | {"due_at": now}
            )
        scopes = ledger.scope_ids(self.deployment)
        mode = self.account.mode
        risk.open_books(scopes, mode=mode)
        risk.mark_books(scope_ids=scopes, mode=mode, at=now, trading_day=now.date())

    def ticket(self, **overrides: Any) -> execution.Ticket:
        """The bot buys 1 at the market, to open."""
        fields: dict[str, Any] = {
            "deployment": Deployment.objects.get(pk=self.deployment.pk),
            "instrument": self.instrument,
            "side": "BUY",
            "quantity": Decimal(1),
            "order_type": "MARKET",
            "purpose": "OPENING",
        }
        for name in ("quantity", "limit_price", "stop_price"):
            if isinstance(overrides.get(name), str):
                overrides[name] = Decimal(overrides[name])
        return execution.Ticket(**(fields | overrides))

    def place(self, **overrides: Any) -> Order:
        """Place such an order, with everything that it is judged by fresh."""
        self.hear()
        return execution.place(ticket=self.ticket(**overrides), **BY)

    def hold_position(self, quantity: str = "2") -> None:
        """Buy and fill `quantity`, booked on both sides."""
        self.place(quantity=quantity)
        work_orders()
        self.pass_time(2)
        execution.sync_account(self.account)


def work_orders() -> int:
    """What an order worker does in one sweep; how many orders it took."""
    taken = claims.claim(Order.objects.all(), lease_s=15, limit=100)
    for order in taken:
        execution.send(order)
    return len(taken)


def trade_in_parts(per_bar: str = "0.002") -> None:
    """Let the venue trade only a part of each bar's volume of 1,000."""
    market = PaperMarket.objects.get()
    market.simulation["participation_cap"] = per_bar
    market.save()


def let_short() -> None:
    """Let the venue sell what an account does not hold."""
    market = PaperMarket.objects.get()
    market.simulation["allow_short"] = True
    market.save()


def states_of(order: Order) -> list[str]:
    """The order's history."""
    return list(order.events.order_by("sequence").values_list("state", flat=True))


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run each call in a thread with its own connection, started at once; their answers, in order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=30)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, call) for call in calls]]


def await_blocked(kind: str = "advisory") -> None:
    """Return when some connection waits for a lock of that kind; `transactionid` is a row's."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = %s AND NOT granted", [kind])
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits for the lock")


def make_floor(
    folder: Path,
    wall: Wall,
    line: Line,
    *,
    closes: Sequence[str] = CLOSES,
    multiplier: str = "1",
    feed_terms: dict[str, Any] | None = None,
    **limits: str,
) -> Floor:
    """The floor, with one bar delivered; keyword arguments replace limits."""
    feed = list_paper(folder, closes, multiplier=multiplier, **(feed_terms or {}))
    paper.open_account(name="alpha-paper", currency="USD", opening_cash="100000")
    with acting(**BY):
        account = make_account(opening_cash="100000")
        bot = make_bot(account, "alpha-trend")
        for kind, value in (LIMITS | limits).items():
            Limit.objects.create(scope=bot.scope, kind=kind, value=Decimal(value), set_by="job:tests")
        release = make_release(bot, feed)
        promotion = make_promotion(release, account)
        deployment = deployments.start(promotion=promotion, **BY)
        trader = make_trader(account.bucket)
    floor = Floor(wall, feed, bot, account, release, promotion, deployment, trader, line)
    floor.hear()
    return floor


def make_trader(bucket: RiskBucket) -> User:
    """A person who may trade on the desk."""
    trader = User.objects.create(username=f"trader-{User.objects.count()}", display_name="Trader")
    access.grant_role(user=trader, role="trader", scope=bucket.desk.scope, **BY)
    return trader


def make_bot(account: Account, name: str) -> Bot:
    """A bot of the account's bucket."""
    bucket = account.bucket
    owner, fallback = (User.objects.create(username=f"{role}-{name}", display_name=role) for role in ("one", "two"))
    strategy = Strategy.objects.create(
        name=f"{name}-strategy",
        bucket=bucket,
        scope=access.make_scope(kind=ScopeKind.STRATEGY, name=name, parent=bucket.scope),
    )
    return Bot.objects.create(
        strategy=strategy,
        name=name,
        owner=owner,
        fallback_owner=fallback,
        symbols=["BTC-USD"],
        accounts=[account.name],
        scope=access.make_scope(kind=ScopeKind.BOT, name=name, parent=strategy.scope),
    )


def make_release(bot: Bot, feed: Feed, **content_keys: Any) -> Release:
    """The bot's next release; its build exists by name only. Keywords are more keys of its bundle."""
    number = Release.objects.filter(bot=bot).count() + 1
    mark = f"{Release.objects.count():064x}"
    desk = bot.strategy.bucket.desk
    signer = Signer.objects.filter(desk=desk).first() or Signer.objects.create(
        desk=desk, name="ci", key_id="0" * 16, public_key="a2V5"
    )
    made = {"bot": bot, "number": number, "pushed_by": bot.owner}
    code = CodeVersion.objects.create(
        **made,
        version=f"1.0.{number}",
        git_sha="a" * 40,
        artifact_sha256=mark,
        artifact_bytes=1,
        lockfile_sha256="",
        manifest={"name": bot.name},
        parameter_schema={"type": "object"},
        signer=signer,
        signature="c2ln",
    )
    content = {
        "feed": feed.name,
        "limits": LIMITS,
        "data_contract": {"staleness_ms_max": STALENESS_MS_MAX},
        "permissions": {"shorting": True},
    } | content_keys
    return Release.objects.create(
        bot=bot,
        number=number,
        code_version=code,
        config_bundle=ConfigBundle.objects.create(**made, digest=mark, content=content),
        parameter_set=ParameterSet.objects.create(**made, digest=mark, content={}),
        data_model_version=1,
        build_id=mark,
        made_by=bot.owner,
    )


def make_promotion(release: Release, account: Account) -> Promotion:
    """An approved promotion of the release to paper on the account."""
    policy = Policy.objects.first() or Policy.objects.create(
        stage="simulated_execution", environment="paper", version=1, gates=[], slots=[]
    )
    return Promotion.objects.create(
        number=Promotion.objects.count() + 1,
        bot=release.bot,
        release=release,
        account=account,
        stage="simulated_execution",
        environment="paper",
        capital=Decimal(100_000),
        policy=policy,
        requested_by=release.bot.owner,
        reason="arranged by a test",
        state="applied",
        expires_at=WALL_START,
    )


def redeploy(floor: Floor, **content_keys: Any) -> Release:
    """Another build of the bot goes live on the same account."""
    with acting(**BY):
        release = make_release(floor.bot, floor.feed, **content_keys)
        floor.deployment = deployments.start(promotion=make_promotion(release, floor.account), **BY)
    return release
