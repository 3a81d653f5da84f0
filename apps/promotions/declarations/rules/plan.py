"""What applying a declaration would do: one line a change, every widened limit first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from apps.common.canonical import digest
from apps.common.decimals import text_of
from apps.common.located import Document
from apps.promotions.declarations.rules.bundle import document_path
from apps.promotions.declarations.rules.directions import (
    NEUTRAL,
    TIGHTENS,
    WIDENS,
    by_name,
    direction,
    is_limit,
)
from apps.promotions.declarations.rules.facts import Actual, CodeNow, LimitNow, moment_of, written
from apps.promotions.rules import Change, difference

BLAST_RADIUS = ("strategy", "symbols", "accounts", "pool")
OWNERS = ("owner", "fallback_owner")


class Action(StrEnum):
    """What apply does about a line."""

    LOWER = "lowers_at_once"
    ASK = "asks_for_consent"
    WAIT = "waits_for_consent"
    CONFIG = "new_config_version"
    PARAMETERS = "new_parameter_version"
    RELEASE = "new_release"
    HAND_OVER = "hands_over"
    REFUSE = "refused"


OF_LIMITS = frozenset({Action.LOWER, Action.ASK})


@dataclass(frozen=True, slots=True)
class Line:
    """One change: where, from what to what, which way it goes, and what apply does about it."""

    path: str
    before: Any
    after: Any
    direction: str
    action: Action
    why: str = ""
    line: int = 0

    @property
    def rank(self) -> int:
        """Widened limits first, then what needs a second person, then what else widens, then the rest."""
        if self.direction == WIDENS and is_limit(self.path):
            return 0
        if self.action in (Action.ASK, Action.WAIT):
            return 1
        return 2 if self.direction == WIDENS else 3

    def as_json(self) -> dict[str, Any]:
        """As the API shows it and the digest covers it."""
        return {
            "path": self.path,
            "before": self.before,
            "after": self.after,
            "direction": self.direction,
            "action": self.action.value,
            "why": self.why,
            "line": self.line,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The lines, and a digest over them, the declaration and the state that it was compared with."""

    lines: tuple[Line, ...]
    digest: str

    @property
    def todo(self) -> list[Line]:
        """What apply would do; raises that wait for people are not asked for again."""
        return [line for line in self.lines if line.action != Action.WAIT]

    @property
    def widened_limits(self) -> list[Line]:
        """The limits, of the ledger and of the bundle, that would allow more."""
        return [line for line in self.lines if line.rank == 0]

    def of(self, *actions: Action) -> list[Line]:
        """The lines with one of these actions."""
        return [line for line in self.lines if line.action in actions]


def plan(document: Document, bundle: dict[str, Any] | None, actual: Actual, code: CodeNow | None) -> Plan:
    """The plan of a declaration without errors; `bundle` is what its sections put together, `code` what it names."""
    declared = document.value
    lines = [*_bot(declared["bot"], actual), *_limits(declared.get("limits", {}), actual)]
    if bundle is not None:
        lines += _versions("config", actual.config, bundle, Action.CONFIG)
    if "parameters" in declared:
        lines += _versions("parameters", actual.parameters, declared["parameters"], Action.PARAMETERS)
    if "code" in declared and code is not None:
        lines += _release(lines, actual, code)
    placed = [replace(line, line=document.place(tuple(line.path.split("."))).line) for line in lines]
    ordered = tuple(sorted(placed, key=lambda line: (line.rank, line.path)))
    bound_to = {
        "declaration": declared,
        "actual": actual.as_json(),
        "lines": [line.as_json() for line in ordered],
    }
    return Plan(ordered, digest(bound_to))


def _bot(declared: Mapping[str, Any], actual: Actual) -> Iterator[Line]:
    standing = actual.bot.as_json()
    for name in OWNERS:
        if declared.get(name, standing[name]) != standing[name]:
            yield Line(f"bot.{name}", standing[name], declared[name], NEUTRAL, Action.HAND_OVER)
    for name in BLAST_RADIUS:
        before, after = standing[name], declared.get(name, standing[name])
        is_same = sorted(before) == sorted(after) if isinstance(before, list) else before == after
        if not is_same:
            way = TIGHTENS if isinstance(before, list) and set(after) <= set(before) else WIDENS
            why = "it is fixed when the bot is made: declare what stands, or make another bot"
            yield Line(f"bot.{name}", before, after, way, Action.REFUSE, why)


def _limits(declared: Mapping[str, Any], actual: Actual) -> Iterator[Line]:
    for kind, (text, until) in by_name(declared).items():
        value, ends = Decimal(text), moment_of(until) if until else None
        wanted = LimitNow(value, ends)
        lines = list(_limit(f"limits.{kind}", actual.limits.get(kind), wanted))
        # Lowering voids whatever was asked for before: it is asked for again.
        is_asked = len(lines) == 1 and (kind, text_of(value), written(ends)) in actual.waiting
        for line in lines:
            yield replace(line, action=Action.WAIT) if is_asked and line.action == Action.ASK else line


def _limit(path: str, standing: LimitNow | None, wanted: LimitNow) -> Iterator[Line]:
    """Lower at once what is lower; ask for a first or a higher value, and for another end of a raise."""
    if standing is None or wanted.value > standing.value:
        yield Line(path, _shown(standing), _shown(wanted), WIDENS, Action.ASK, "another person must grant it")
        return
    if wanted.value < standing.value:
        lowered = _lowered(standing, wanted.value)
        yield Line(path, _shown(standing), _shown(lowered), TIGHTENS, Action.LOWER)
        standing = lowered
    if wanted.until != standing.until:
        way = WIDENS if wanted.until is None or (standing.until and wanted.until > standing.until) else TIGHTENS
        yield Line(path, _shown(standing), _shown(wanted), way, Action.ASK, "another person must grant the other end")


def _lowered(standing: LimitNow, value: Decimal) -> LimitNow:
    """What stands after the ledger has lowered it: below what a raise reverts to, the raise is over."""
    if standing.reverts_to is None or standing.reverts_to >= value:
        return LimitNow(value)
    return LimitNow(value, standing.until, standing.reverts_to)


def _shown(limit: LimitNow | None) -> str | None:
    if limit is None:
        return None
    return text_of(limit.value) if limit.until is None else f"{text_of(limit.value)} until {written(limit.until)}"


def _versions(section: str, before: Any, after: Any, action: Action) -> Iterator[Line]:
    """The leaves that differ; one line when only the writing does."""
    if before is not None and digest(before) == digest(after):
        return
    found = [change for change in difference(before, after) if change.kind != "same"]
    for change in found:
        path = document_path(change.path) if section == "config" else f"{section}.{change.path}"
        yield Line(path, change.before, change.after, _way(before, path, change), action)
    if not found:
        yield Line(section, before, after, NEUTRAL, action, "the same, written differently")


def _way(before: Any, path: str, change: Change) -> str:
    """Where nothing stood, a limit allows what was not allowed, and the rest is just there."""
    if before is None:
        return WIDENS if is_limit(path) else NEUTRAL
    return direction(path, change.before, change.after)


def _release(lines: list[Line], actual: Actual, code: CodeNow) -> Iterator[Line]:
    """A release of the code with the declared versions, unless it is the one that stands."""
    is_new_content = any(line.action in (Action.CONFIG, Action.PARAMETERS) for line in lines)
    is_same_code = actual.code is not None and actual.code.digest == code.digest
    if is_same_code and actual.is_release_of_these and not is_new_content:
        return
    before = None if actual.code is None else f"{actual.code.version} (release {actual.release})"
    why = "a promotion takes it further"
    yield Line("code", before, f"{code.version} (new release)", NEUTRAL, Action.RELEASE, why)
