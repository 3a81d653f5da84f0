"""Gates over what must stand beside the code: the bot's operating standard, and the keys of its accounts."""

import hashlib
import re

from apps.bots import services as bots
from apps.common.errors import DomainError
from apps.releases import rules
from apps.releases.checks.found import Found, Progress, bounds
from apps.releases.models import Gate, Release
from apps.venues import services as venues
from apps.venues.models import Account

STANDARD_NAMES = ("OPERATING.md", "README.md")
HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


def operating_standard(gate: Gate, release: Release, progress: Progress) -> Found:
    """The build holds its operating standard, with the headings, and with what a material change made new."""
    found = _standard(release)
    if found is None:
        nothing = [f"the build holds no {' or '.join(_names(release))}"]
        return Found({"missing": nothing, "words": 0, "outdated": []}, bounds(gate))
    name, text = found
    present = {heading.casefold() for heading in HEADING.findall(text)}
    missing = [heading for heading in bounds(gate).get("headings", []) if heading.casefold() not in present]
    stale = f"code or limits changed materially, and {name} says what it said before"
    figures = {
        "file": name,
        "file_hash": hashlib.sha256(text.encode()).hexdigest(),
        "missing": [f"{name} lacks the heading {heading}" for heading in missing],
        "words": len(text.split()),
        "outdated": [stale] if _is_outdated(gate, release, text) else [],
    }
    return Found(figures, bounds(gate))


def _standard(release: Release) -> tuple[str, str] | None:
    return bots.read_text(release.code_version, _names(release))


def _names(release: Release) -> tuple[str, ...]:
    named = release.code_version.manifest.get("operating_standard")
    return (named,) if isinstance(named, str) else STANDARD_NAMES


def _is_outdated(gate: Gate, release: Release, text: str) -> bool:
    """Whether it is the same text although something material differs from what it would replace."""
    before = gate.compared_with
    if before is None or before.pk == release.pk or not _is_material(before, release):
        return False
    old = _standard(before)
    return old is not None and old[1] == text


def _is_material(before: Release, after: Release) -> bool:
    code = before.code_version.artifact_sha256 != after.code_version.artifact_sha256
    limits = rules.widens(before.config_bundle.content["limits"], after.config_bundle.content["limits"])
    return code or limits


def secrets_present(gate: Gate, release: Release, progress: Progress) -> Found:
    """Every account that the configuration names is there and can be reached with the keys that its venue needs.

    Nothing is asked of a venue; what is found are codes, never what a key says.
    """
    names = release.config_bundle.content["accounts"]
    accounts = {row.name: row for row in Account.objects.select_related("venue").filter(name__in=names)}
    missing = [problem for name in names if (problem := _key_problem(name, accounts.get(name)))]
    return Found({"accounts": len(names), "missing": missing}, bounds(gate))


def _key_problem(name: str, account: Account | None) -> str:
    if account is None:
        return f"{name}: there is no such account"
    try:
        venues.adapter_for(account)
    except DomainError as error:
        return f"{name}: {error.code}"
    return ""
