"""The world of the latch benchmark: a thousand bots with an account each, at two venues, one of which can hang.

One bot is made by the gateway benchmark's builders; the others are copies of its rows: no permit reads more of them.
"""

from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from apps.access.models import Scope
from apps.audit.context import acting
from apps.bots.models import Bot, Strategy
from apps.common.clocks import wall_now
from apps.common.ids import uuid7
from apps.deployments.models import Deployment
from apps.execution.models import Order
from apps.markets.models import Feed
from apps.venues import services as venues
from apps.venues.models import Account, Venue
from apps.venues.paper import services as paper
from benchmarks import gateway_world

BOTS = 1_000
STUCK = "stuck"
DONE_BY = gateway_world.DONE_BY
CASH = "1000000"


@dataclass(frozen=True, slots=True)
class LatchWorld:
    """The deployments, every other one at the venue that can hang."""

    deployments: list[Deployment]

    def scopes(self) -> dict[str, Scope]:
        """One scope of every kind above the first bot."""
        first = self.deployments[0]
        bucket = first.account.bucket
        return {
            "firm": Scope.objects.get(kind="firm"),
            "desk": bucket.desk.scope,
            "bucket": bucket.scope,
            "strategy": first.bot.strategy.scope,
            "bot": first.bot.scope,
            "account": first.account.scope,
            "venue": first.account.venue.scope,
            "instrument": first.instrument.scope,
        }


def make() -> LatchWorld:
    """Build it, once in a database."""
    if not Deployment.objects.exists():
        gateway_world.make(bots=1)
    first = _loaded().order_by("id")[0]
    if not Venue.objects.filter(name=STUCK).exists():
        paper.list_market(feed=Feed.objects.get(pk=first.feed_id), simulation={})
        paper.open_account(name=first.account.name, currency="USD", opening_cash=CASH)
        stuck = venues.make_venue(name=STUCK, adapter="paper", mode="paper", **DONE_BY)
        with acting(**DONE_BY):
            _copy(first, stuck)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return LatchWorld(list(_loaded().order_by("id")))


def _loaded() -> Any:
    return Deployment.objects.select_related(
        "bot__scope", "bot__strategy__scope", "account__scope", "account__venue__scope", "account__bucket__desk__scope",
        "account__bucket__scope", "instrument__scope", "release",
    )  # fmt: skip


def _copy(first: Deployment, stuck: Venue) -> None:
    """Bulk copies of the first bot with its strategy, account and deployment."""
    scopes, strategies, bots, accounts, deployments = [], [], [], [], []
    for number in range(1, BOTS):
        name = f"latch-{number:04d}"
        strategy = _row(first.bot.strategy, name=name, scope=_scope(first.bot.strategy.scope, name))
        bot = _row(first.bot, name=name, strategy=strategy, scope=_below(strategy.scope, "bot", name))
        account = _row(first.account, name=name, scope=_scope(first.account.scope, name))
        account.venue = stuck if number % 2 else first.account.venue
        scopes += [strategy.scope, bot.scope, account.scope]
        strategies.append(strategy)
        bots.append(bot)
        accounts.append(account)
        deployments.append(_row(first, bot=bot, account=account))
    rows: tuple[tuple[Any, list[Any]], ...] = (
        (Scope, scopes), (Strategy, strategies), (Bot, bots), (Account, accounts), (Deployment, deployments),
    )  # fmt: skip
    for model, made in rows:
        model.objects.bulk_create(made, batch_size=500)
    for account in accounts:
        paper.open_account(name=account.name, currency="USD", opening_cash=CASH)


def _row(row: Any, **changes: Any) -> Any:
    made = copy(row)
    made._state = copy(row._state)
    made._state.fields_cache = {}
    made.pk, made._state.adding, made.created_at = uuid7(), True, wall_now()
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def _scope(beside: Scope, name: str) -> Scope:
    assert beside.parent is not None
    return _below(beside.parent, beside.kind, name)


def _below(parent: Scope, kind: str, name: str) -> Scope:
    pk = uuid7()
    return Scope(id=pk, kind=kind, name=name, parent=parent, path=f"{parent.path}{pk.hex}.")


def order_of(deployment: Deployment, owner: str, client_order_id: UUID) -> Order:
    """An order that has passed its check and is claimed for sending, not yet stored."""
    return Order(
        client_order_id=client_order_id,
        deployment=deployment,
        bot=deployment.bot,
        account=deployment.account,
        instrument=deployment.instrument,
        epoch=deployment.epoch,
        build_id=deployment.release.build_id,
        trace_id=uuid7(),
        placed_by="job:bench",
        side="BUY",
        order_type="LIMIT",
        time_in_force="GTC",
        purpose="OPENING",
        quantity=Decimal("0.01"),
        limit_price=Decimal("1000.00"),
        decided_market_at=wall_now(),
        state="INITIALIZED",
        due_at=wall_now(),
        lease_owner=owner,
        attempts=1,
    )
