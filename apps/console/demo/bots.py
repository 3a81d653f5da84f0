"""Demo bots: built, signed, pushed, gated, voted on and applied, exactly as a team would."""

import base64
import hashlib
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from quarterdeck.build import build, sbom
from quarterdeck.sign import SigningKey, attest, provenance, sign

from apps.access.models import RiskBucket, Scope, User
from apps.bots import artifacts
from apps.bots import services as bots
from apps.bots.models import Bot
from apps.common.clocks import wall_now
from apps.console.demo.people import ACTOR, REASON
from apps.promotions import services as promotions
from apps.promotions.models import Promotion
from apps.releases import services as releases
from apps.releases.models import Release
from apps.risk import services as risk
from apps.risk.states import LimitKind
from apps.venues.models import Account

EXAMPLES = settings.ROOT / "examples"
GATES = [
    "config_lint",
    "data_contract",
    "secrets_present",
    "operating_standard",
    "deterministic",
    "order_contract",
    "backtest",
]
LIMITS = {
    "BTC-USD": {"order_quantity": "1", "order_notional": "25000", "position": "1"},
    "EUR-USD": {"order_quantity": "20000", "order_notional": "25000", "position": "20000"},
}
SHARED_LIMITS = {
    "collar_bps": "300",
    "orders_per_minute": "60",
    "messages_per_second": "10",
    "repeat_executions": "30",
    "open_orders": "10",
    "gross_exposure": "50000",
    "net_exposure": "50000",
    "daily_loss": "5000",
    "drawdown": "10000",
}
# What all desks together may have on; each bot's own limits are far below.
FIRM_LIMITS = {
    "open_orders": "200",
    "gross_exposure": "500000",
    "net_exposure": "250000",
    "daily_loss": "25000",
    "drawdown": "50000",
}


@dataclass(frozen=True, slots=True)
class DemoBot:
    """An example bot, who makes it, who owns it, and how much it may lose."""

    folder: str
    name: str
    strategy: str
    desk: str
    symbol: str
    account: str
    engineer: str
    owner: str
    fallback: str
    capital: str


BOTS = (
    DemoBot(
        "btc_trend", "btc-trend", "Trend following", "Crypto", "BTC-USD", "paper-crypto",
        "erin", "alice", "carol", "50000",
    ),
    DemoBot(
        "eur_revert", "eur-revert", "Mean reversion", "FX", "EUR-USD", "paper-fx",
        "fay", "bob", "fay", "50000",
    ),
)  # fmt: skip


def set_policies() -> None:
    """What each stage needs: paper one trader; live stages a trader and a risk owner."""
    slots = {"paper": ["vote_trader"], "live": ["vote_trader", "vote_risk"]}
    for stage, environment in (
        ("simulated_execution", "paper"),
        ("micro", "live"),
        ("limited", "live"),
        ("full_production", "live"),
    ):
        promotions.set_policy(
            stage=stage,
            environment=environment,
            gates=GATES,
            slots=slots[environment],
            actor=ACTOR,
            reason=REASON,
        )


def make_bot(demo: DemoBot, bucket: RiskBucket, people: dict[str, User]) -> Bot:
    """The bot of a bucket, with limits that one risk owner asked for and another granted."""
    strategy = bots.make_strategy(name=demo.strategy, bucket=bucket, actor=ACTOR, reason=REASON)
    bot = bots.make_bot(
        strategy=strategy,
        name=demo.name,
        owner=people[demo.owner],
        fallback_owner=people[demo.fallback],
        symbols=[demo.symbol],
        accounts=[demo.account],
        actor=ACTOR,
        reason=REASON,
    )
    set_limits(bot.scope, LIMITS[demo.symbol] | SHARED_LIMITS, people, "first limits of a new bot")
    return bot


def set_limits(scope: Scope, limits: dict[str, str], people: dict[str, User], reason: str) -> None:
    """First limits of a scope: one risk owner asks, another grants."""
    for kind, value in limits.items():
        asked = risk.request_raise(
            scope=scope, kind=LimitKind(kind), value=Decimal(value), actor=people["rita"], reason=reason
        )
        if asked.consent is not None:
            risk.vote_raise(
                limit_raise=asked,
                actor=people["raj"],
                approve=True,
                reason="sized for paper",
                digest=asked.consent.digest,
            )


def push(demo: DemoBot, bot: Bot, people: dict[str, User], **changed: Any) -> Release:
    """Build, sign and push the example; a release of it. `changed` overrides parameters."""
    engineer, folder = people[demo.engineer], EXAMPLES / demo.folder
    with tempfile.TemporaryDirectory() as scratch:
        path = build(folder, Path(scratch) / "bot.zip")
        manifest = artifacts.inspect(path)
        git_sha = hashlib.sha1(manifest.sha256.encode(), usedforsecurity=False).hexdigest()
        signed = sign(
            _key(demo, bot),
            artifact_sha256=manifest.sha256,
            name=manifest.name,
            version=manifest.version,
            git_sha=git_sha,
        )
        code = bots.push_code(
            bot=bot,
            artifact=path,
            git_sha=git_sha,
            key_id=signed["key_id"],
            signature=signed["signature"],
            provenance=_attested(bot, manifest.sha256, git_sha),
            sbom=sbom(folder),
            actor=engineer,
            reason="first build",
        )
    config = bots.push_config(bot=bot, content=_yaml(folder / "config.yaml"), actor=engineer, reason="demo")
    content = _yaml(folder / "parameters.yaml") | changed
    parameters = bots.push_parameters(bot=bot, code_version=code, content=content, actor=engineer, reason="demo")
    return releases.make_release(
        bot=bot,
        code_version=code,
        config_bundle=config,
        parameter_set=parameters,
        actor=engineer,
        reason="demo release",
    )


def ask(demo: DemoBot, release: Release, account: Account, people: dict[str, User], reason: str) -> Promotion:
    """Ask to run the release on paper."""
    return promotions.request(
        release=release,
        account=account,
        stage="simulated_execution",
        environment="paper",
        capital=Decimal(demo.capital),
        actor=people[demo.engineer],
        reason=reason,
    )


def approve(demo: DemoBot, promotion: Promotion, people: dict[str, User]) -> None:
    """The owner reads the evidence and approves."""
    promotion.refresh_from_db()
    promotions.vote(
        promotion=promotion,
        actor=people[demo.owner],
        approve=True,
        reason="the gates pass and the backtest is inside the plan",
        digest=promotion.digest,
    )


def _key(demo: DemoBot, bot: Bot) -> SigningKey:
    """A fresh signing key of the bot's team, trusted by the desk; its private half is not kept."""
    key = SigningKey.generate()
    bots.trust_signer(
        desk=bot.strategy.bucket.desk,
        name=f"{demo.name} build key",
        public_key=base64.b64encode(key.public_bytes).decode(),
        actor=ACTOR,
        reason=REASON,
    )
    return key


def _attested(bot: Bot, artifact_sha256: str, git_sha: str) -> dict[str, Any]:
    """What a CI of the desk, trusted for this bot's repository, says of the build; its key is not kept either."""
    key, now = SigningKey.generate(), wall_now()
    origin: dict[str, Any] = {
        "builder_id": "https://ci.example/release",
        "source_repository": f"https://git.example/{bot.name}",
    }
    bots.trust_builder(
        desk=bot.strategy.bucket.desk,
        name=f"CI of {bot.name}",
        public_key=base64.b64encode(key.public_bytes).decode(),
        refs=["refs/heads/main", "refs/tags/*"],
        actor=ACTOR,
        reason=REASON,
        **origin,
    )
    said = provenance(
        artifact_name=f"{bot.name}.zip",
        artifact_sha256=artifact_sha256,
        ref="refs/heads/main",
        git_sha=git_sha,
        started_at=now,
        finished_at=now,
        **origin,
    )
    return attest(key, said)


def _yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content
