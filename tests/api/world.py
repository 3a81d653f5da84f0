"""Two desks with one of everything each, and people of every role: what API and permission tests look at."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from apps.access import services as access
from apps.access.models import Consent, Desk, Firm, RiskBucket, RoleGrant, Scope, User
from apps.access.states import Permission, ScopeKind
from apps.alerts.models import Alert
from apps.audit import services as audit
from apps.audit.context import acting
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet, Strategy
from apps.common.clocks import wall_now
from apps.common.ids import uuid7
from apps.deployments.models import Deployment, DeploymentEvent
from apps.execution.models import DayClose, Fill, Order, OrderEvent, OrderSettlement, Position
from apps.markets.models import Dataset, Feed, FeedClock, FxRate, Instrument, MarketStatus, ReferencePrice
from apps.promotions.models import Policy, Promotion
from apps.reconciliation.models import Break, ReconciliationRun
from apps.releases.models import Release
from apps.venues.models import Account, Venue
from apps.venues.paper import services as paper
from tests.api import trusted
from tests.api.asked import DAY, ask_for
from tests.api.declared import arrange_declaration
from tests.api.gates import arrange_gates
from tests.api.research import make_profile, make_research
from tests.api.sources import arrange_source
from tests.api.standing import LIMITS, make_risk, make_sessions, make_trust
from tests.exits.world import arrange_exit_plan

ARRANGE = {"actor": "job:test", "reason": "arrange"}
ROLES = ("engineer", "trader", "risk owner", "operator", "auditor", "administrator")
DIGEST = "9" * 64
START = datetime(2024, 1, 1, tzinfo=UTC)
BARS = b"timestamp,open,high,low,close,volume\n" + b"".join(
    f"2024-01-01T{hour:02}:00:00Z,60000,60100,59900,60050,10\n".encode() for hour in range(10)
)


@dataclass
class Side:
    """One desk: its people by role, and one object of every kind by its name."""

    desk: Desk
    people: dict[str, User] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["objects"][name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass
class World:
    """The firm, what both desks share, and both desks."""

    firm: Firm
    venue: Venue
    instrument: Instrument
    dataset: Dataset
    feed: Feed
    policy: Policy
    firm_administrator: User
    outsider: User
    own: Side
    other: Side


def person(name: str, role: str | None = None, scope: Scope | None = None) -> User:
    """An active person, with a role where one is named."""
    user = User.objects.create(username=name, display_name=name.title())
    if role and scope:
        access.grant_role(user=user, role=role, scope=scope, **ARRANGE)
    return user


def make_world(folder: Path) -> World:
    """Build it; the bars of its feed lie in `folder`, which must be the dataset folder."""
    (folder / "btc.csv").write_bytes(BARS)
    with acting("job:test", "arrange"):
        firm = access.make_firm(name="Firm", base_currency="USD", **ARRANGE)
        shared = _shared(firm)
        ask_for(shared["venue"], shared["instrument"], person("asker"))
        return World(
            firm=firm,
            firm_administrator=person("firm-administrator", "administrator", firm.scope),
            outsider=person("outsider"),
            own=_side("own", shared),
            other=_side("other", shared),
            **shared,
        )


def _shared(firm: Firm) -> dict[str, Any]:
    venue_scope = access.make_scope(kind=ScopeKind.VENUE, name="paper", parent=firm.scope)
    venue = Venue.objects.create(name="paper", adapter="paper", mode="paper", scope=venue_scope)
    instrument = Instrument.objects.create(
        symbol="BTC-USD",
        asset_class="crypto_spot",
        base_currency="BTC",
        quote_currency="USD",
        lot_size=Decimal("0.0001"),
        tick_size=Decimal("0.01"),
        scope=access.make_scope(kind=ScopeKind.INSTRUMENT, name="BTC-USD", parent=firm.scope),
    )
    dataset = Dataset.objects.create(
        name="btc-hourly",
        instrument=instrument,
        interval_ms=3_600_000,
        file_name="btc.csv",
        sha256=hashlib.sha256(BARS).hexdigest(),
        rows=10,
        first_start=START,
        last_end=START + timedelta(hours=10),
        gaps=0,
        source="made for tests",
    )
    make_profile(dataset)
    feed = Feed.objects.create(name="btc", instrument=instrument, dataset=dataset, speed=60, starts_at=START)
    now = wall_now()
    FeedClock.objects.create(feed=feed, wall_anchor=now, market_anchor=START + timedelta(hours=5), ticked_at=now)
    MarketStatus.objects.create(instrument=instrument, source="test")
    day = timedelta(days=1)
    FxRate.objects.create(base="EUR", quote="USD", rate=1, valid_from=now, valid_until=now + day, source="test")
    ReferencePrice.objects.create(instrument=instrument, source="venue:paper", price=Decimal(60050), seen_at=now)
    policy = Policy.objects.create(
        stage="simulated_execution",
        environment="paper",
        version=1,
        gates=["config_lint"],
        slots=[Permission.VOTE_TRADER, Permission.VOTE_RISK],
    )
    return {"venue": venue, "instrument": instrument, "dataset": dataset, "feed": feed, "policy": policy}


def _side(name: str, shared: dict[str, Any]) -> Side:
    desk = access.make_desk(name=name, **ARRANGE)
    side = Side(desk=desk)
    for role in ROLES:
        side.people[role] = person(f"{name}-{role.replace(' ', '-')}", role, desk.scope)
    side.people["service account"] = _service_account(name, desk)
    side.objects = {"desk": desk, "scope": desk.scope, **shared}
    for build in (
        _bot,
        _release,
        make_research,
        _gates,
        _promotion,
        _voting,
        arrange_declaration,
        _deployment,
        make_sessions,
        _orders,
        arrange_exit_plan,
        make_risk,
        _checks,
        _access,
        arrange_source,
    ):
        build(name, side.objects, side.people)
    return side


def _service_account(name: str, desk: Desk) -> User:
    user = access.make_service_account(username=f"{name}-bot", display_name=f"{name} bot", **ARRANGE)
    access.grant_role(user=user, role="bot", scope=desk.scope, **ARRANGE)
    return user


def _bot(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    bucket: RiskBucket = access.make_bucket(desk=objects["desk"], name=f"{name}-bucket", **ARRANGE)
    strategy = Strategy.objects.create(
        name=f"{name}-trend",
        bucket=bucket,
        scope=access.make_scope(kind=ScopeKind.STRATEGY, name=name, parent=bucket.scope),
    )
    account_scope = access.make_scope(kind=ScopeKind.ACCOUNT, name=name, parent=bucket.scope)
    account = Account.objects.create(
        venue=objects["venue"],
        bucket=bucket,
        name=f"{name}-paper",
        environment="paper",
        mode="paper",
        currency="USD",
        scope=account_scope,
    )
    paper.open_account(name=account.name, currency="USD", opening_cash="0")
    bot = Bot.objects.create(
        strategy=strategy,
        name=f"{name}-trend-btc",
        owner=people["engineer"],
        fallback_owner=people["trader"],
        symbols=["BTC-USD"],
        accounts=[account.name],
        scope=access.make_scope(kind=ScopeKind.BOT, name=name, parent=strategy.scope),
    )
    objects |= {"bucket": bucket, "strategy": strategy, "account": account, "bot": bot}
    objects |= trusted.keys(objects["desk"], name)


def _release(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    bot, maker = objects["bot"], people["engineer"]
    code = CodeVersion.objects.create(
        bot=bot,
        number=1,
        version="1.0.0",
        git_sha="a" * 40,
        artifact_sha256="b" * 64,
        artifact_bytes=1000,
        lockfile_sha256="c" * 64,
        manifest={"name": bot.name},
        parameter_schema={"type": "object"},
        signer=objects["signer"],
        signature="c2lnbmF0dXJl",
        pushed_by=maker,
    )
    content = {
        "accounts": bot.accounts,
        "symbols": bot.symbols,
        "limits": LIMITS,
        "data_contract": {"staleness_ms_max": 1000},
    }
    config = ConfigBundle.objects.create(bot=bot, number=1, digest="e" * 64, content=content, pushed_by=maker)
    parameters = ParameterSet.objects.create(bot=bot, number=1, digest="f" * 64, content={}, pushed_by=maker)
    release = Release.objects.create(
        bot=bot,
        number=1,
        code_version=code,
        config_bundle=config,
        parameter_set=parameters,
        data_model_version=1,
        build_id="1" * 64,
        made_by=maker,
    )
    objects |= {
        "code_version": code,
        "config_bundle": config,
        "parameter_set": parameters,
        "release": release,
    }


def _gates(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    objects |= arrange_gates(objects["release"], objects["backtest"], people["engineer"])


def make_promotion(objects: dict[str, Any], requested_by: User, **overrides: Any) -> Promotion:
    """A promotion of the side's release; a number of its own."""
    fields = {
        "number": Promotion.objects.count() + 1,
        "bot": objects["bot"],
        "release": objects["release"],
        "account": objects["account"],
        "stage": "simulated_execution",
        "environment": "paper",
        "capital": Decimal("1000"),
        "policy": objects["policy"],
        "requested_by": requested_by,
        "reason": "arranged",
        "expires_at": wall_now() + timedelta(hours=1),
    }
    return Promotion.objects.create(**fields | overrides)


def _promotion(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    objects["promotion"] = make_promotion(objects, people["engineer"], state="applied")


def _voting(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    voting = make_promotion(objects, people["engineer"], state="voting", digest=DIGEST)
    voting.consent = access.open_consent(
        act="promotion.apply",
        target=voting,
        scope=objects["bot"].scope,
        digest=DIGEST,
        slots=[Permission.VOTE_TRADER, Permission.VOTE_RISK],
        excluded=[],
        expires_at=wall_now() + timedelta(hours=1),
        actor=people["engineer"],
        reason="arranged",
    )
    voting.save(update_fields=["consent"])
    objects["voting"] = voting


def _deployment(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    deployment = Deployment.objects.create(
        bot=objects["bot"],
        account=objects["account"],
        environment="paper",
        mode="paper",
        stage="simulated_execution",
        capital=Decimal("1000000"),
        release=objects["release"],
        promotion=objects["promotion"],
        feed=objects["feed"],
        instrument=objects["instrument"],
        limits=LIMITS,
    )
    DeploymentEvent.objects.create(
        deployment=deployment, sequence=1, kind="created", actor="job:test", reason="arranged", epoch=1, build_id="1"
    )
    objects["deployment"] = deployment


def make_order(objects: dict[str, Any], **overrides: Any) -> Order:
    """An order of the side's deployment, not sent."""
    fields = {
        "client_order_id": uuid7(),
        "deployment": objects["deployment"],
        "bot": objects["bot"],
        "account": objects["account"],
        "instrument": objects["instrument"],
        "epoch": 1,
        "build_id": "1" * 64,
        "trace_id": uuid7(),
        "placed_by": "job:test",
        "side": "BUY",
        "order_type": "LIMIT",
        "time_in_force": "GTC",
        "purpose": "OPENING",
        "quantity": Decimal("0.5"),
        "limit_price": Decimal("60000.00"),
        "decided_market_at": START,
    }
    return Order.objects.create(**fields | overrides)


def _orders(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    order = make_order(objects, state="ACCEPTED")
    OrderEvent.objects.create(order=order, sequence=1, state="ACCEPTED", actor="job:test")
    place = {"bot": objects["bot"], "account": objects["account"], "instrument": objects["instrument"]}
    fill = Fill.objects.create(
        **place,
        order=order,
        trade_id="t-1",
        venue_sequence=1,
        side="BUY",
        quantity=Decimal("0.1"),
        price=Decimal("60000"),
        fee=Decimal("1"),
        fee_currency="USD",
        market_at=START,
    )
    OrderSettlement.objects.create(order=order, outcome="not_sent")
    figures = dict.fromkeys(("quantity", "multiplier", "rate", "value_base", "pnl_base", "pnl_day_base"), Decimal(1))
    close = DayClose.objects.create(
        **place, **figures, trading_day=DAY, opens=DAY + timedelta(days=1), provisional_price=Decimal(60000)
    )
    objects |= {"order": order, "fill": fill, "position": Position.objects.create(**place), "day_close": close}


def _checks(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    run = ReconciliationRun.objects.create(account=objects["account"], trigger="schedule", state="broken")
    found = Break.objects.create(
        account=objects["account"], first_run=run, last_run=run, kind="cash", severity="high", key="USD"
    )
    alert = Alert.objects.create(
        tier="high", code="TEST", title="Look", scope=objects["bot"].scope, dedup_key=f"{name}-alert"
    )
    objects |= {"run": run, "break": found, "alert": alert}


def _access(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    token, _ = access.make_token(
        user=people["service account"], name="t", permissions=["view_scope", "trade"], expires_in_h=1, **ARRANGE
    )
    consent = Consent.objects.create(
        act="test.act",
        object_kind="bots.bot",
        object_id=objects["bot"].pk,
        scope=objects["bot"].scope,
        digest="3" * 64,
        slots=[Permission.VOTE_RISK],
        requested_by=people["engineer"],
        reason="arranged",
        expires_at=wall_now() + timedelta(hours=1),
    )
    grant = RoleGrant.objects.get(user=people["operator"])
    member = person(f"{name}-member", "engineer", objects["bot"].scope)
    record = audit.record("test.arranged", objects["bot"], scope_id=objects["bot"].scope_id)
    objects["trust"] = make_trust(name, people)
    objects |= {"token": token, "consent": consent, "grant": grant, "member": member, "record": record}
