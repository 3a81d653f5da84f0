"""One team and what it makes, through the product's own services: signed builds, releases, promotions."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from quarterdeck.sign import SigningKey, sign

from apps.access import services as access
from apps.access.models import Desk, Firm, RiskBucket, Scope, User
from apps.bots import artifacts
from apps.bots import services as bots
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet, Signer
from apps.common import claims
from apps.markets import services as markets
from apps.markets.models import Feed
from apps.promotions import services as promotions
from apps.promotions.models import Promotion
from apps.releases import checks
from apps.releases import services as releases
from apps.releases.models import Gate, Release
from apps.releases.states import GateState
from apps.venues.models import Account
from tests.bots.archives import BOT_TOML, FILES, SCHEMA, make_zip
from tests.markets.builders import HOUR_MS, MARKET_START, make_firm, make_instrument, write_bars
from tests.venues.builders import make_account

BY: dict[str, Any] = {"actor": "job:tests", "reason": "arranged by a test"}
GIT_SHA = "a" * 40
LIMITS = {
    "order_quantity": "1",
    "order_notional": "100000",
    "position": "2",
    "collar_bps": "100",
    "orders_per_minute": "10",
}
SLOTS = ["vote_trader", "vote_risk"]
GATES = ["config_lint", "backtest"]
PAPER: dict[str, Any] = {"stage": "simulated_execution", "environment": "paper"}
PASSED = checks.Verdict(GateState.PASSED, {"problems": []}, {"problems": 0})
FAILED = checks.Verdict(GateState.FAILED, {"problems": ["a"]}, {"problems": 0}, "a problem")


@dataclass
class Team:
    """A desk with one bot, its people, its key and the paper account it may use."""

    firm: Firm
    desk: Desk
    bucket: RiskBucket
    account: Account
    feed: Feed
    bot: Bot
    signer: Signer
    key: SigningKey
    engineer: User
    trader: User
    second_trader: User
    risk_owner: User


def make_user(name: str, role: str | None = None, scope: Scope | None = None) -> User:
    """A person, with a role where one is named."""
    user = access.make_person(username=name, display_name=name.title(), password="correct-horse-battery", **BY)
    if role and scope:
        access.grant_role(user=user, role=role, scope=scope, **BY)
    return user


def open_folders(folder: Path, settings: Any) -> None:
    """Point every folder of the product below `folder`."""
    settings.ARTIFACT_ROOT, settings.BUILD_ROOT = folder / "artifacts", folder / "builds"
    settings.DATASET_ROOT = folder


def make_team(name: str = "alpha") -> Team:
    """A desk, its bucket, account, bot, signer and people."""
    firm, feed = make_firm(), _feed()
    desk = access.make_desk(name=name, **BY)
    bucket = access.make_bucket(desk=desk, name=f"{name}-bucket", **BY)
    account = make_account(name=f"{name}-paper", bucket=bucket)
    people = {
        "engineer": make_user(f"{name}-engineer", "engineer", desk.scope),
        "trader": make_user(f"{name}-trader", "trader", desk.scope),
        "second_trader": make_user(f"{name}-trader-2", "trader", desk.scope),
        "risk_owner": make_user(f"{name}-risk", "risk owner", desk.scope),
    }
    strategy = bots.make_strategy(name=f"{name}-trend", bucket=bucket, **BY)
    bot = bots.make_bot(
        strategy=strategy,
        name=f"{name}-bot",
        owner=people["trader"],
        fallback_owner=people["second_trader"],
        symbols=["BTC-USD"],
        accounts=[account.name],
        **BY,
    )
    key = SigningKey.generate()
    signer = trust(desk, key)
    return Team(firm, desk, bucket, account, feed, bot, signer, key, **people)


def _feed() -> Feed:
    """The one feed of the tests: ten flat hours of BTC-USD."""
    known = Feed.objects.filter(name="btc").first()
    if known:
        return known
    folder = Path(settings.DATASET_ROOT)
    instrument = make_instrument(lot_size="0.0001")
    file_name = write_bars(folder, "btc.csv", ["60000"] * 10)
    dataset = markets.freeze_dataset(
        name="btc", file_name=file_name, instrument=instrument, interval_ms=HOUR_MS, source="a test", **BY
    )
    opening = {"name": "btc", "instrument": instrument, "dataset": dataset, "speed": 3600}
    return markets.open_feed(**opening, starts_at=MARKET_START, **BY)


def trust(desk: Desk, key: SigningKey) -> Signer:
    """The desk trusts the key."""
    public = base64.b64encode(key.public_bytes).decode()
    return bots.trust_signer(desk=desk, name="build key", public_key=public, **BY)


def write_artifact(bot: Bot, version: str = "1.0.0", body: str = "class Bot: ...", schema: str = SCHEMA) -> Path:
    """An artifact of the bot on disk."""
    toml = BOT_TOML.replace("test-bot", bot.name).replace("1.2.3", version)
    path = Path(settings.DATASET_ROOT) / f"{bot.name}-{version}-{len(body)}.zip"
    path.write_bytes(make_zip(FILES | {"bot.toml": toml, "bot.py": body, "parameters.schema.json": schema}))
    return path


def signed(path: Path, key: SigningKey, **overrides: str) -> dict[str, str]:
    """The key id and signature over the artifact; `overrides` change what is signed."""
    manifest = artifacts.inspect(path)
    fields = {"artifact_sha256": manifest.sha256, "name": manifest.name, "version": manifest.version}
    return sign(key, **(fields | {"git_sha": GIT_SHA} | overrides))


def push_code(team: Team, path: Path | None = None, **overrides: Any) -> CodeVersion:
    """An artifact pushed by the team's engineer, signed by its key."""
    path = path or write_artifact(team.bot)
    fields: dict[str, Any] = {"bot": team.bot, "artifact": path, "git_sha": GIT_SHA, "actor": team.engineer}
    if "signature" not in overrides:
        fields |= signed(path, team.key)
    return bots.push_code(**(fields | {"reason": "a build"} | overrides))


def config(team: Team, **overrides: Any) -> dict[str, Any]:
    """A config bundle that fits the team's bot."""
    fields = {
        "venue": "paper",
        "accounts": team.bot.accounts,
        "symbols": team.bot.symbols,
        "feed": "btc",
        "limits": LIMITS,
        "data_contract": {"interval": "1h", "fields": ["close"], "staleness_ms_max": 5000},
    }
    return fields | overrides


def push_config(team: Team, actor: User | None = None, **overrides: Any) -> ConfigBundle:
    """A config bundle pushed by the engineer."""
    content = config(team, **overrides)
    return bots.push_config(bot=team.bot, content=content, actor=actor or team.engineer, reason="a config")


def push_parameters(
    team: Team, code: CodeVersion, actor: User | None = None, content: dict[str, Any] | None = None
) -> ParameterSet:
    """Parameters pushed by the engineer."""
    return bots.push_parameters(
        bot=team.bot,
        code_version=code,
        content={"n": 1} if content is None else content,
        actor=actor or team.engineer,
        reason="knobs",
    )


def make_release(team: Team, **overrides: Any) -> Release:
    """The release of the team's build, config and parameters; each part can be given."""
    code = overrides.get("code_version") or push_code(team)
    fields: dict[str, Any] = {
        "bot": team.bot,
        "code_version": code,
        "config_bundle": overrides.get("config_bundle") or push_config(team),
        "parameter_set": overrides.get("parameter_set") or push_parameters(team, code),
        "actor": team.engineer,
        "reason": "a release",
    }
    return releases.make_release(**(fields | overrides))


@contextmanager
def verdicts(verdict: checks.Verdict) -> Iterator[None]:
    """Gates measure nothing and give this verdict."""
    with patch.object(checks, "run", return_value=verdict):
        yield


def run_gates(verdict: checks.Verdict = PASSED) -> None:
    """Every due gate gets this verdict; then promotions look at their gates."""
    with verdicts(verdict):
        for gate in claims.claim(Gate.objects.all(), lease_s=60, limit=10):
            releases.run_gate(gate)
    for promotion in Promotion.objects.filter(state="gating"):
        promotions.settle(promotion)


def set_policy(**overrides: Any) -> None:
    """Two gates, and a trader and a risk owner, before a release trades on paper."""
    promotions.set_policy(**(PAPER | {"gates": GATES, "slots": SLOTS} | BY | overrides))


def request(team: Team, release: Release | None = None, **overrides: Any) -> Promotion:
    """A promotion to paper that the engineer asks for."""
    fields: dict[str, Any] = {
        "release": release or make_release(team),
        "account": team.account,
        "capital": Decimal(1000),
        "actor": team.engineer,
        "reason": "the backtest passed",
    }
    return promotions.request(**(PAPER | fields | overrides))


def voting(team: Team, **overrides: Any) -> Promotion:
    """A promotion whose gates have passed: it waits for votes."""
    promotion = request(team, **overrides)
    run_gates()
    return fresh(promotion)


def vote(promotion: Promotion, actor: User, approve: bool = True, **overrides: Any) -> Promotion:
    """A vote on what the promotion's digest covers now."""
    promotion = fresh(promotion)
    fields = {"digest": promotion.digest, "reason": "I read the evidence"} | overrides
    return promotions.vote(promotion=promotion, actor=fresh(actor), approve=approve, **fields)


def approved(team: Team, **overrides: Any) -> Promotion:
    """A promotion that the trader and the risk owner have approved."""
    promotion = voting(team, **overrides)
    vote(promotion, team.trader)
    return vote(promotion, team.risk_owner)


def fresh(row: Any) -> Any:
    """The row as the database has it, as a new request reads it."""
    return type(row).objects.get(pk=row.pk)


@contextmanager
def refused(code: str) -> Iterator[None]:
    """The block is refused with this code."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the code is what matters
        yield
    assert getattr(caught.value, "code", None) == code, caught.value
