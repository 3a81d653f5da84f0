"""What is wrong or doubtful in a declaration of the right shape, each with its line and what to do.

What the declaration would change is an error; what merely stands so already is a warning, so that the export of any
state is a declaration that can be applied.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from apps.common.decimals import text_of
from apps.common.located import ERROR, WARNING, Document, Finding, Path
from apps.promotions.declarations.rules.directions import by_name
from apps.promotions.declarations.rules.facts import Actual, CodeNow, Facts, moment_of
from apps.promotions.declarations.rules.shape import misfits
from apps.promotions.declarations.rules.windows import overlaps, spans

# What pre-trade checks deny without (operating standard): one of each on the bot or above it.
REQUIRED_LIMITS = (
    "order_quantity", "order_notional", "position", "collar_bps", "orders_per_minute", "messages_per_second",
    "repeat_executions", "open_orders", "gross_exposure", "net_exposure", "daily_loss", "drawdown",
)  # fmt: skip


def lint(document: Document, bundle: dict[str, Any] | None, facts: Facts, actual: Actual) -> list[Finding]:
    """Every finding, errors first, each group in the order of its lines."""
    declared = document.value
    found = [
        *_bot(document, facts, actual),
        *_limits(document, facts, actual),
        *_missing_limits(document, facts, actual),
    ]
    code = chosen_code(declared, facts, actual)
    found += _code(document, facts, actual, code)
    if bundle is not None:
        found += _config(document, bundle, facts, actual, code)
    if "parameters" in declared:
        found += _parameters(document, code)
    return sorted(found, key=lambda one: (one.severity != ERROR, one.line, one.column))


def chosen_code(declared: Mapping[str, Any], facts: Facts, actual: Actual) -> CodeNow | None:
    """The code version that the declaration names; without a name that of the release, else the newest."""
    if "code" not in declared:
        return actual.code or (facts.codes[0] if facts.codes else None)
    wanted = declared["code"]
    for code in facts.codes:
        if wanted.get("version") == code.version or wanted.get("digest") == code.digest:
            return code
    return None


def _severity(declared: Any, standing: Any) -> str:
    return WARNING if declared == standing else ERROR


def _bot(document: Document, facts: Facts, actual: Actual) -> Iterator[Finding]:
    declared, standing = document.value["bot"], actual.bot.as_json()
    if declared["name"] != standing["name"]:
        problem = f"this is the declaration of {declared['name']}, not of {standing['name']}"
        yield document.finding("BOT_OTHER", ("bot", "name"), problem, "send it to its own bot")
    for role in ("owner", "fallback_owner"):
        name = declared.get(role)
        if name is not None and name not in facts.owners:
            severity = _severity(name, standing[role])
            problem = f"{name} is no active person who may see the bot"
            yield document.finding("OWNER_LEFT", ("bot", role), problem, "name somebody who is", severity)
    pair = [declared.get(role, standing[role]) for role in ("owner", "fallback_owner")]
    if pair[0] == pair[1]:
        problem = f"{pair[0]} would own and back the bot"
        yield document.finding("OWNERS_INVALID", ("bot", "fallback_owner"), problem, "name two different people")


def _limits(document: Document, facts: Facts, actual: Actual) -> Iterator[Finding]:
    for kind, (value, until) in by_name(document.value.get("limits", {})).items():
        path, standing = ("limits", kind), actual.limits.get(kind)
        if kind in facts.above and Decimal(value) > facts.above[kind][0]:
            same = standing is not None and Decimal(value) == standing.value
            yield _exceeds(document, path, kind, value, facts.above[kind], WARNING if same else ERROR)
        if until is not None:
            yield from _until(document, (*path, "until"), until, Decimal(value), facts, standing)


def _exceeds(
    document: Document, path: Path, kind: str, value: str, bound: tuple[Decimal, str], severity: str
) -> Finding:
    most, where = text_of(bound[0]), bound[1]
    problem = f"{kind} {value} exceeds the limit of {where}, {most}"
    return document.finding("LIMIT_EXCEEDED", path, problem, f"lower it to {most}, or ask for a raise there", severity)


def _until(
    document: Document, path: Path, until: str, value: Decimal, facts: Facts, standing: Any
) -> Iterator[Finding]:
    moment = moment_of(until)
    if moment is None:
        yield document.finding(
            "UNTIL_MALFORMED", path, f"there is no {until}", "write a moment such as 2026-12-01T00:00Z"
        )
    elif moment <= facts.now:
        yield document.finding("UNTIL_PAST", path, f"{until} is over", "take the limit out, or name a later moment")
    elif standing is not None and value <= _ground(standing):
        fix = "take `until` out: only a raise ends by itself"
        yield document.finding("UNTIL_POINTLESS", path, f"{text_of(value)} stays in force without any raise", fix)


def _ground(standing: Any) -> Decimal:
    """What is in force when no raise is."""
    return standing.value if standing.reverts_to is None else standing.reverts_to


def _missing_limits(document: Document, facts: Facts, actual: Actual) -> Iterator[Finding]:
    declared = document.value.get("limits", {})
    for kind in REQUIRED_LIMITS:
        if kind not in declared and kind not in actual.limits and kind not in facts.above:
            problem = f"there is no limit {kind} on the bot or above it: every order will be denied"
            yield document.finding("LIMIT_MISSING", ("limits",), problem, "declare it", WARNING)


def _code(document: Document, facts: Facts, actual: Actual, code: CodeNow | None) -> Iterator[Finding]:
    declared = document.value
    if "code" in declared and code is None:
        known = ", ".join(one.version for one in facts.codes[:5]) or "none"
        yield document.finding(
            "CODE_UNKNOWN", ("code",), f"no such code was pushed; pushed are: {known}", "push it first"
        )
    lacking = [name for name in ("config", "parameters") if name not in declared and getattr(actual, name) is None]
    if "code" in declared and lacking:
        problem = f"a release needs {' and '.join(lacking)} too"
        yield document.finding("RELEASE_INCOMPLETE", ("code",), problem, "declare what is missing")


def _parameters(document: Document, code: CodeNow | None) -> Iterator[Finding]:
    if code is not None:
        yield from misfits(document, document.value["parameters"], code.schema, ("parameters",))
    elif "code" not in document.value:
        problem = "no code says which parameters there are"
        yield document.finding("CODE_MISSING", ("parameters",), problem, "push the code first")


def _config(
    document: Document, bundle: dict[str, Any], facts: Facts, actual: Actual, code: CodeNow | None
) -> Iterator[Finding]:
    standing = actual.config or {}
    yield from _reach(document, bundle, facts, actual)
    yield from _market(document, bundle, facts, standing)
    yield from _bundle_limits(document, bundle, facts, actual)
    if code is not None:
        yield from _data(document, bundle["data_contract"], code, _severity(bundle, standing))
    yield from _sessions(document, bundle.get("session_windows", []), _severity(bundle, standing))


def _reach(document: Document, bundle: dict[str, Any], facts: Facts, actual: Actual) -> Iterator[Finding]:
    """Instruments and accounts: known, and within the blast radius."""
    allowed = {"symbols": actual.bot.symbols, "accounts": actual.bot.accounts}
    for section, known in (("symbols", facts.instruments), ("accounts", facts.accounts)):
        standing = (actual.config or {}).get(section, ())
        for index, name in enumerate(bundle[section]):
            path, severity = ("config", section, index), WARNING if name in standing else ERROR
            one = section.removesuffix("s")
            if name not in allowed[section]:
                problem = f"the {one} {name} is outside the blast radius of {actual.bot.name}"
                fix = f"take it out; allowed: {', '.join(allowed[section])}"
                yield document.finding("OUTSIDE_BLAST_RADIUS", path, problem, fix, severity)
            elif name not in known:
                problem = f"there is no {one} {name} within the bot’s reach"
                yield document.finding(f"{one.upper()}_UNKNOWN", path, problem, "correct the name", severity)


def _market(document: Document, bundle: dict[str, Any], facts: Facts, standing: dict[str, Any]) -> Iterator[Finding]:
    """The venue, the accounts' venue and the feed."""
    venue, feed = bundle["venue"], bundle["feed"]
    venue_severity, feed_severity = (_severity(bundle[name], standing.get(name)) for name in ("venue", "feed"))
    if venue not in facts.venues:
        fix = f"known: {', '.join(sorted(facts.venues)) or 'none'}"
        yield document.finding("VENUE_UNKNOWN", ("config", "venue"), f"there is no venue {venue}", fix, venue_severity)
    for index, name in enumerate(bundle["accounts"]):
        if facts.accounts.get(name, venue) != venue:
            problem = f"{name} is an account at {facts.accounts[name]}, not at {venue}"
            yield document.finding(
                "VENUE_OTHER", ("config", "accounts", index), problem, "name one there", venue_severity
            )
    if feed not in facts.feeds:
        problem = f"there is no feed {feed}"
        yield document.finding("FEED_UNKNOWN", ("config", "feed"), problem, "correct the name", feed_severity)
    elif facts.feeds[feed] not in bundle["symbols"]:
        problem = f"the feed {feed} is of {facts.feeds[feed]}, which the config does not trade"
        yield document.finding("FEED_OTHER", ("config", "feed"), problem, "name a feed of its symbols", feed_severity)


def _bundle_limits(document: Document, bundle: dict[str, Any], facts: Facts, actual: Actual) -> Iterator[Finding]:
    """Limits of the bundle that are looser than what is, or would be, in force: the stricter one counts."""
    standing = (actual.config or {}).get("limits", {})
    declared = by_name(document.value.get("limits", {}))
    for kind, value in bundle["limits"].items():
        bounds = [facts.above[kind]] if kind in facts.above else []
        if kind in declared:
            bounds.append((Decimal(declared[kind][0]), "the bot"))
        elif kind in actual.limits:
            bounds.append((actual.limits[kind].value, "the bot"))
        if bounds and Decimal(value) > min(bounds)[0]:
            severity = _severity(value, standing.get(kind))
            yield _exceeds(document, ("config", "limits", kind), kind, value, min(bounds), severity)


def _data(document: Document, contract: dict[str, Any], code: CodeNow, severity: str) -> Iterator[Finding]:
    if contract["interval"] != code.interval:
        problem = f"the interval {contract['interval']} is not the one of code {code.version}"
        path = ("config", "data_contract", "interval")
        yield document.finding("INTERVAL_OTHER", path, problem, f"write {code.interval}", severity)
    if lacking := [name for name in code.fields if name not in contract["fields"]]:
        problem = f"code {code.version} reads fields that are not there: {', '.join(lacking)}"
        yield document.finding("FIELDS_LACKING", ("config", "data_contract", "fields"), problem, "add them", severity)


def _sessions(document: Document, windows: list[dict[str, Any]], severity: str) -> Iterator[Finding]:
    at: Path = ("schedules", "session_windows")
    for index, window in enumerate(windows):
        if not spans(window):
            problem = f"the window from {window['from']} until {window['until']} never opens"
            yield document.finding(
                "WINDOW_NEVER_OPENS", (*at, index), problem, "end it after it begins; split it at 24:00", severity
            )
    for earlier, later in overlaps(windows):
        line = document.place((*at, earlier)).line
        problem = f"the window overlaps the one in line {line}"
        yield document.finding("WINDOWS_OVERLAP", (*at, later), problem, "end one where the other begins", severity)
