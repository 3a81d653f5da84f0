"""Rules of declarations, without a database: what is wrong, with its line, and which way a change goes."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml

from apps.common.located import Document, Finding, read
from apps.promotions.declarations import rules
from apps.promotions.declarations.rules import Actual, BotNow, CodeNow, Facts, LimitNow
from apps.promotions.declarations.rules.directions import direction
from apps.promotions.declarations.rules.lint import REQUIRED_LIMITS
from apps.promotions.declarations.schema import DECLARATION
from apps.risk.states import LimitKind

NOW, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "q": {"type": "string"}}}
CODE = CodeNow("1.0.0", "a" * 64, "1h", ("close",), SCHEMA)
BOT = BotNow("alpha", "trend", "ann", "ben", ("BTC-USD",), ("paper-a",), "cycles")
FACTS = Facts(
    now=NOW,
    owners=frozenset(("ann", "ben", "cleo")),
    instruments=frozenset(("BTC-USD",)),
    accounts={"paper-a": "paper"},
    venues=frozenset(("paper", "other")),
    feeds={"btc": "BTC-USD", "eth": "ETH-USD"},
    codes=(CODE,),
    above={"position": (Decimal(500), "bucket Trend")},
)
ACTUAL = Actual(
    bot=BOT, limits={"position": LimitNow(Decimal(100)), "drawdown": LimitNow(Decimal(9), LATER, Decimal(5))}
)
CONFIG = """
config:
  venue: paper
  accounts: [paper-a]
  symbols: [BTC-USD]
  feed: btc
  limits: {order_quantity: "1", order_notional: "1", position: "1", collar_bps: "1", orders_per_minute: "1"}
  data_contract: {interval: 1h, fields: [close], staleness_ms_max: 1000}
"""
HEAD = "apiVersion: quarterdeck/v1\nbot: {name: alpha}\n"


def found(text: str, facts: Facts = FACTS, actual: Actual = ACTUAL) -> list[Finding]:
    """What is wrong in a declaration with this text after its head, which has two lines."""
    document = read((HEAD + text).encode())
    misfits = rules.misfits(document, document.value, DECLARATION)
    return misfits or rules.lint(document, rules.bundle_of(document.value), facts, actual)


def of(text: str, code: str, **overrides: Any) -> Finding:
    """The one finding with this code."""
    [one] = [finding for finding in found(text, **overrides) if finding.code == code]
    return one


def planned(text: str, actual: Actual = ACTUAL) -> list[tuple[str, str, str]]:
    """The plan's lines as (path, direction, action)."""
    document: Document = read((HEAD + text).encode())
    plan = rules.plan(document, rules.bundle_of(document.value), actual, CODE)
    return [(line.path, line.direction, line.action.value) for line in plan.lines]


def test_a_limit_above_the_buckets_says_line_and_way_out() -> None:
    one = of('limits:\n  position: "1000"\n', "LIMIT_EXCEEDED")

    assert (one.line, one.severity) == (4, "error")
    assert one.problem == "position 1000 exceeds the limit of bucket Trend, 500"
    assert one.fix == "lower it to 500, or ask for a raise there"


def test_a_limit_of_the_bundle_looser_than_the_bots_is_found() -> None:
    one = of(CONFIG.replace('position: "1"', 'position: "101"'), "LIMIT_EXCEEDED")

    assert one.problem == "position 101 exceeds the limit of the bot, 100"


def test_what_stands_already_is_a_warning() -> None:
    actual = replace(ACTUAL, limits={"position": LimitNow(Decimal(1000))})

    assert of('limits:\n  position: "1000"\n', "LIMIT_EXCEEDED", actual=actual).severity == "warning"


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("limits:\n  position: 0.5\n", "TYPE_WRONG", 4),
        ("limits:\n  positon: '1'\n", "NAME_UNKNOWN", 4),
        ("limits:\n  position: {value: '200', until: 2025-12-01T00:00Z}\n", "UNTIL_PAST", 4),
        ("limits:\n  position: {value: '200', until: 2026-02-30T00:00Z}\n", "UNTIL_MALFORMED", 4),
        ("limits:\n  position: {value: '100', until: 2026-02-01T00:00Z}\n", "UNTIL_POINTLESS", 4),
        ("code: {version: 9.9.9}\n", "CODE_UNKNOWN", 3),
        ("code: {version: 1.0.0}\n", "RELEASE_INCOMPLETE", 3),
        ("parameters:\n  n: 1.5\n", "TYPE_WRONG", 4),
        ("alerts:\n  drawdown: '1'\n", "NAME_MISSING", 1),
        (CONFIG.replace("[paper-a]", "[paper-b]"), "OUTSIDE_BLAST_RADIUS", 5),
        (CONFIG.replace("[BTC-USD]", "[BTC-USD, XRP-USD]"), "OUTSIDE_BLAST_RADIUS", 6),
        (CONFIG.replace("feed: btc", "feed: doge"), "FEED_UNKNOWN", 7),
        (CONFIG.replace("feed: btc", "feed: eth"), "FEED_OTHER", 7),
        (CONFIG.replace("venue: paper", "venue: moon"), "VENUE_UNKNOWN", 4),
        (CONFIG.replace("venue: paper", "venue: other"), "VENUE_OTHER", 5),
        (CONFIG.replace("interval: 1h", "interval: 1m"), "INTERVAL_OTHER", 9),
        (CONFIG.replace("[close]", "[open]"), "FIELDS_LACKING", 9),
        (CONFIG.replace("interval: 1h", "interval: 1w"), "VALUE_UNKNOWN", 9),
        (CONFIG.replace("  feed: btc\n", ""), "NAME_MISSING", 3),
    ],
)
def test_what_is_wrong_is_found_at_its_line(text: str, code: str, line: int) -> None:
    one = of(text.lstrip("\n"), code)

    assert (one.line, one.severity) == (line, "error")
    assert one.fix


def test_a_float_where_a_decimal_belongs_is_to_be_a_string() -> None:
    assert of("limits:\n  position: 0.10\n", "TYPE_WRONG").fix == 'write it as a string: "0.10"'


def test_a_misspelt_name_is_corrected() -> None:
    assert of("limits:\n  positon: '1'\n", "NAME_UNKNOWN").fix == "write position"


@pytest.mark.parametrize(
    ("windows", "code", "line"),
    [
        ('[{days: [mon], from: "10:00", until: "09:00"}]', "WINDOW_NEVER_OPENS", 11),
        (
            '\n    - {days: [mon], from: "09:00", until: "12:00"}'
            '\n    - {days: [mon, tue], from: "11:00", until: "13:00"}',
            "WINDOWS_OVERLAP",
            13,
        ),
    ],
)
def test_sessions_that_never_open_or_overlap_are_found(windows: str, code: str, line: int) -> None:
    assert of(f"{CONFIG.lstrip()}schedules:\n  session_windows: {windows}\n", code).line == line


def test_windows_that_touch_do_not_overlap() -> None:
    windows = '[{days: [mon], from: "09:00", until: "12:00"}, {days: [mon], from: "12:00", until: "13:00"}]'

    assert not [one for one in found(f"{CONFIG}schedules:\n  session_windows: {windows}\n") if "WINDOW" in one.code]


def bot(**fields: Any) -> list[Finding]:
    """What is wrong with a bot section."""
    document = read(yaml.safe_dump({"apiVersion": "quarterdeck/v1", "bot": {"name": "alpha"} | fields}).encode())
    return [one for one in rules.lint(document, None, FACTS, ACTUAL) if one.severity == "error"]


def test_owners_are_two_active_people_who_see_the_bot() -> None:
    assert [one.code for one in bot(owner="dora")] == ["OWNER_LEFT"]
    assert [one.code for one in bot(owner="ben")] == ["OWNERS_INVALID"]
    assert bot(owner="cleo") == []


def test_a_declaration_goes_to_its_own_bot() -> None:
    assert [one.code for one in bot(name="beta")] == ["BOT_OTHER"]


def test_limits_that_orders_need_are_missed() -> None:
    assert set(REQUIRED_LIMITS) == set(LimitKind.values)
    missing = [one for one in found("") if one.code == "LIMIT_MISSING"]

    assert len(missing) == len(REQUIRED_LIMITS) - 2
    assert {one.severity for one in missing} == {"warning"}


def test_widened_limits_come_first_then_what_needs_people_then_the_rest() -> None:
    actual = replace(ACTUAL, parameters={"n": 1}, config=rules.bundle_of(read((HEAD + CONFIG).encode()).value))
    wanted = CONFIG.replace('order_notional: "1"', 'order_notional: "2"').replace(
        "staleness_ms_max: 1000", "staleness_ms_max: 2000"
    )
    limits = 'limits:\n  position: "50"\n  open_orders: "3"\n  drawdown: {value: "9", until: 2026-01-20T00:00Z}\n'

    assert planned(f"{wanted}parameters: {{n: 2}}\n{limits}", actual) == [
        ("config.limits.order_notional", "widens", "new_config_version"),
        ("limits.open_orders", "widens", "asks_for_consent"),
        ("limits.drawdown", "tightens", "asks_for_consent"),
        ("config.data_contract.staleness_ms_max", "widens", "new_config_version"),
        ("limits.position", "tightens", "lowers_at_once"),
        ("parameters.n", "neutral", "new_parameter_version"),
    ]


def test_a_limit_that_is_lowered_and_made_to_stay_takes_both() -> None:
    assert planned('limits:\n  drawdown: "8"\n') == [
        ("limits.drawdown", "widens", "asks_for_consent"),
        ("limits.drawdown", "tightens", "lowers_at_once"),
    ]


def test_below_what_a_raise_reverts_to_nothing_is_asked_for() -> None:
    assert planned('limits:\n  drawdown: "4"\n') == [("limits.drawdown", "tightens", "lowers_at_once")]


def test_another_end_of_a_raise_is_asked_for() -> None:
    assert planned('limits:\n  drawdown: {value: "9", until: 2026-02-01T00:00Z}\n') == []
    assert planned('limits:\n  drawdown: {value: "9", until: 2026-03-01T00:00Z}\n') == [
        ("limits.drawdown", "widens", "asks_for_consent")
    ]


@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [
        ("config.limits.position", "9", "10", "widens"),
        ("config.limits.position", "10", "9", "tightens"),
        ("config.limits.drawdown", None, "9", "tightens"),
        ("config.limits.drawdown", "9", None, "widens"),
        ("config.symbols", ["A"], ["A", "B"], "widens"),
        ("config.symbols", ["A", "B"], ["B"], "tightens"),
        ("config.permissions.sides", ["BUY"], None, "widens"),
        ("config.permissions.sides", None, ["BUY"], "tightens"),
        ("config.permissions.shorting", None, True, "widens"),
        ("config.permissions.shorting", True, False, "tightens"),
        ("config.venue", "a", "b", "widens"),
        ("alerts.drawdown", "0.1", "0.2", "widens"),
        ("schedules.end_of_day.policy", "flat", "carry", "widens"),
        ("schedules.end_of_day.policy", None, "flat", "tightens"),
        ("config.feed", "a", "b", "neutral"),
    ],
)
def test_a_change_goes_one_way(path: str, before: Any, after: Any, expected: str) -> None:
    assert direction(path, before, after) == expected


def test_more_minutes_of_a_week_widen() -> None:
    day = {"days": ["mon"], "from": "09:00", "until": "10:00"}
    longer = day | {"until": "11:00"}

    assert direction("schedules.session_windows", [day], [longer]) == "widens"
    assert direction("schedules.session_windows", [longer], [day]) == "tightens"
    assert direction("schedules.session_windows", None, [day]) == "tightens"
    assert direction("schedules.session_windows", [day], None) == "widens"
