"""Gates that compare what is declared with what is there: configuration, data, orders."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from quarterdeck.events import Bar, Intent, OrderUpdate

from apps.bots import schemas
from apps.common.decimals import text_of
from apps.common.errors import DomainError, Refused
from apps.markets import selectors as markets
from apps.markets.models import Feed
from apps.releases.checks.found import Found, Progress, bounds
from apps.releases.checks.runs import DETERMINISM_BARS, simulate
from apps.releases.models import Gate, Release

BARS_LOOKED_AT = 2_000
INTERVAL_MS = {"1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}
LAST_MS = 2**53


def lint(gate: Gate, release: Release, progress: Progress) -> Found:
    """The configuration fits its schema, the code's parameters and data, and a feed that is there."""
    content = release.config_bundle.content
    problems = [*_schema_problems(release), *_feed_problems(content), *_declared_problems(release)]
    return Found({"problems": problems}, bounds(gate))


def _schema_problems(release: Release) -> Iterator[str]:
    try:
        schemas.check(release.config_bundle.content, schemas.CONFIG, "CONFIG_SCHEMA")
        schemas.check(release.parameter_set.content, release.code_version.parameter_schema, "PARAMETERS_SCHEMA")
    except DomainError as error:
        yield error.message


def _feed_problems(content: dict[str, Any]) -> Iterator[str]:
    feed = Feed.objects.select_related("instrument").filter(name=content["feed"]).first()
    if feed is None:
        yield f"there is no feed named {content['feed']}"
    elif feed.instrument.symbol not in content["symbols"]:
        yield f"the feed {feed.name} is of {feed.instrument.symbol}, which the config does not trade"


def _declared_problems(release: Release) -> Iterator[str]:
    declared, contract = release.code_version.manifest.get("data", {}), release.config_bundle.content["data_contract"]
    if declared.get("interval") != contract["interval"]:
        yield "the data contract's interval is not the one that the code declares"
    missing = set(declared.get("fields", [])) - set(contract["fields"])
    if missing:
        yield f"the data contract lacks fields that the code reads: {', '.join(sorted(missing))}"


def data_contract(gate: Gate, release: Release, progress: Progress) -> Found:
    """The newest bars that the feed has delivered, against the declared interval, fields and staleness."""
    contract, name = release.config_bundle.content["data_contract"], release.config_bundle.content["feed"]
    feed = Feed.objects.select_related("dataset", "instrument").filter(name=name).first()
    if feed is None:
        raise Refused("FEED_UNKNOWN", f"there is no feed named {name}")
    bars = markets.bars_between(feed, -LAST_MS, LAST_MS)[-BARS_LOOKED_AT:]
    dataset = feed.dataset
    figures = {
        "problems": [*_bar_problems(bars, contract)],
        "bars": len(bars),
        "gap_percent": text_of((Decimal(dataset.gaps * 100) / (dataset.rows + dataset.gaps)).quantize(Decimal("0.01"))),
        "late_ms": markets.freshness_ms(feed),
        "interval": contract["interval"],
    }
    limits = bounds(gate)
    late_ms = min(contract["staleness_ms_max"], limits.get("late_ms_max", contract["staleness_ms_max"]))
    return Found(figures, limits | {"late_ms_max": late_ms})


def _bar_problems(bars: Sequence[Bar], contract: dict[str, Any]) -> Iterator[str]:
    interval_ms = INTERVAL_MS[contract["interval"]]
    others = sum(bar.end_ms - bar.start_ms != interval_ms for bar in bars)
    if others:
        yield f"{others} of {len(bars)} bars do not last {contract['interval']}"
    broken = sum(not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    if broken:
        yield f"{broken} of {len(bars)} bars have prices outside their own high and low"
    if "volume" in contract["fields"] and bars and not any(bar.volume for bar in bars):
        yield "the contract declares volume, and the feed delivers none"


def order_contract(gate: Gate, release: Release, progress: Progress) -> Found:
    """The orders of a run over the first bars, against [orders] of the build and the bundle's permissions."""
    result = simulate(release, DETERMINISM_BARS)
    seen = sorted(
        {f"{order.side.value} {order.order_type.value} {order.time_in_force.value}" for order in result.intents}
    )
    violations = sorted({*_violations(release, result.intents), *_short(release, result.rejects)})
    figures = {"violations": violations, "orders": len(result.intents), "seen": seen, "bars": result.bar_count}
    return Found(figures, bounds(gate))


def _violations(release: Release, intents: Iterable[Intent]) -> Iterator[str]:
    declared = release.code_version.manifest.get("orders", {})
    content = release.config_bundle.content
    allowed = content.get("permissions", {})
    for order in intents:
        side, kind, force = order.side.value, order.order_type.value, order.time_in_force.value
        if side not in declared.get("sides", []) or kind not in declared.get("types", []):
            yield f"it sends {side} {kind}, which [orders] does not declare"
        for value, name in ((side, "sides"), (kind, "order_types"), (force, "times_in_force")):
            if value not in allowed.get(name, [value]):
                yield f"it sends {value}, which the permissions' {name} leave out"
        if order.extended_hours and not allowed.get("extended_hours", False):
            yield "it sends for extended hours, which the permissions do not allow"
        if order.instrument not in content["symbols"]:
            yield f"it sends for {order.instrument}, which the config does not trade"


def _short(release: Release, rejects: Iterable[OrderUpdate]) -> Iterator[str]:
    """The simulated venue holds no short position: it rejects a sale of more than is held."""
    may_short = release.config_bundle.content.get("permissions", {}).get("shorting", False)
    if not may_short and any(update.code == "POSITION_INSUFFICIENT" for update in rejects):
        yield "it sells more than it holds, which the permissions do not allow"
