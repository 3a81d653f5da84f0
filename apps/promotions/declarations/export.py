"""The state now as a declaration whose plan is empty, with comments about versions and who set what."""

from typing import Any

import yaml

from apps.access.models import User
from apps.bots.models import Bot
from apps.common.clocks import wall_now
from apps.common.located import is_plain
from apps.promotions.declarations import rules, selectors
from apps.promotions.declarations.rules.facts import written
from apps.promotions.declarations.schema import API_VERSION
from apps.risk.models import Limit

LINE_CHARACTERS_MAX = 100


class _Dumper(yaml.SafeDumper):
    """Writes what `located.read` reads back: without aliases, with quotes where a text could be something else."""

    def ignore_aliases(self, data: Any) -> bool:
        """Every value is written out."""
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = None if is_plain(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def export(bot: Bot) -> str:
    """The declaration of what stands now, as YAML."""
    row = selectors.find(bot)
    now, state = selectors.heads(row), selectors.actual(row)
    parts = [
        f"# {row.name} as it stood at {written(wall_now().replace(microsecond=0))}\n",
        _section({"apiVersion": API_VERSION}),
        _section({"bot": state.bot.as_json()}),
    ]
    if now.release is not None and state.is_release_of_these:
        note = f"Release {now.release.number}, made by {now.release.made_by}"
        parts.append(_section({"code": {"version": now.release.code_version.version}}, note))
    if now.config is not None:
        note = f"Config bundle {now.config.number}, pushed by {now.config.pushed_by}"
        parts.append(_section(rules.sections_of(now.config.content), note))
    if now.parameters is not None:
        note = f"Parameter set {now.parameters.number}, pushed by {now.parameters.pushed_by}"
        parts.append(_section({"parameters": now.parameters.content}, note))
    limits = selectors.limits_of(row)
    if limits:
        notes = "; ".join(f"{kind}: {_set_by(limit)}" for kind, limit in limits.items() if limit.raised_by)
        parts.append(_section({"limits": _limits(state)}, f"Of the risk ledger. {notes}" if notes else ""))
    return "\n".join(parts)


def _limits(state: rules.Actual) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for kind, limit in state.limits.items():
        entry = limit.as_json()
        shown[kind] = entry["value"] if limit.until is None else {"value": entry["value"], "until": entry["until"]}
    return shown


def _set_by(limit: Limit) -> str:
    asked_by: User | None = limit.raised_by.asked_by if limit.raised_by else None
    return f"asked for by {asked_by}"


def _section(content: dict[str, Any], note: str = "") -> str:
    """One part, with its comment on lines of its own whatever stands in the names."""
    words = "".join(character if character.isprintable() else " " for character in note)
    comment = f"# {words}\n" if words else ""
    return comment + yaml.dump(
        content,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=LINE_CHARACTERS_MAX,
        default_flow_style=False,
    )
