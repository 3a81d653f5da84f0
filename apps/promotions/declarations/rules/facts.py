"""What is, as the rules of declarations see it: plain values, gathered by a selector."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.common.decimals import text_of


@dataclass(frozen=True, slots=True)
class BotNow:
    """A bot, its owners by sign-in name, and its blast radius."""

    name: str
    strategy: str
    owner: str
    fallback_owner: str
    symbols: tuple[str, ...]
    accounts: tuple[str, ...]
    pool: str

    def as_json(self) -> dict[str, Any]:
        """By the names that a declaration has for them."""
        return {
            "name": self.name,
            "strategy": self.strategy,
            "owner": self.owner,
            "fallback_owner": self.fallback_owner,
            "symbols": list(self.symbols),
            "accounts": list(self.accounts),
            "pool": self.pool,
        }


@dataclass(frozen=True, slots=True)
class CodeNow:
    """A pushed code version."""

    version: str
    digest: str
    interval: str
    fields: tuple[str, ...]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LimitNow:
    """A limit of the bot in the risk ledger: the value in force, and for a raise its end and what it reverts to."""

    value: Decimal
    until: datetime | None = None
    reverts_to: Decimal | None = None

    def as_json(self) -> dict[str, Any]:
        """Exactly, for the digest."""
        ends = None if self.reverts_to is None else text_of(self.reverts_to)
        return {"value": text_of(self.value), "until": written(self.until), "reverts_to": ends}


@dataclass(frozen=True, slots=True)
class Actual:
    """The state that a plan is bound to: what stands now, and which raises wait for people."""

    bot: BotNow
    config: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None
    code: CodeNow | None = None  # of the release
    release: int | None = None
    is_release_of_these: bool = False  # whether the release has this config and these parameters
    limits: Mapping[str, LimitNow] = field(default_factory=dict)
    waiting: frozenset[tuple[str, str, str | None]] = frozenset()  # (kind, value, until)

    def as_json(self) -> dict[str, Any]:
        """All of it, for the digest."""
        return {
            "bot": self.bot.as_json(),
            "config": self.config,
            "parameters": self.parameters,
            "code": self.code.digest if self.code else None,
            "release": self.release,
            "is_release_of_these": self.is_release_of_these,
            "limits": {kind: limit.as_json() for kind, limit in self.limits.items()},
            "waiting": sorted([kind, value, until or ""] for kind, value, until in self.waiting),
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """What a declaration is checked against beside the state itself; names only as far as the bot reaches."""

    now: datetime
    owners: frozenset[str]  # sign-in names of active people who may see the bot
    instruments: frozenset[str]
    accounts: Mapping[str, str]  # accounts of the bot's bucket -> venue
    venues: frozenset[str]
    feeds: Mapping[str, str]  # feed -> symbol
    codes: tuple[CodeNow, ...]  # every pushed version, newest first
    above: Mapping[str, tuple[Decimal, str]]  # limit kind -> strictest value above the bot, and where


def written(moment: datetime | None) -> str | None:
    """A moment as a declaration writes it: UTC, no more digits than needed."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def moment_of(text: str) -> datetime | None:
    """The moment that is written there, or None when there is none such (February 30)."""
    try:
        return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        return None
