"""Gates over what is declared: data, orders, keys, the operating standard, and the lockfile."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from apps.audit.context import acting
from apps.common.errors import Refused, Unavailable
from apps.markets import selectors as markets
from apps.releases import checks, selectors
from apps.releases.checks import scans
from apps.releases.models import Gate, Release
from apps.releases.states import GateState
from apps.venues.models import Venue
from tests import builders
from tests.bots.archives import BOT_TOML, FILES, SCHEMA, make_zip
from tests.builders import BY, Team, refused
from tests.releases.test_checks import TRADES

STANDARD = "# bot\n## When it must be held\n{words}\n## Restarting\nx\n## Changing it\ny\n".format(words="word " * 120)
SHORT = TRADES.replace("self.buy(self.quantity)", "self.sell(self.quantity)")
CONTRACT = {"interval": "1h", "fields": ["close"], "staleness_ms_max": 5000}


def _code(team: Team, version: str = "1.0.0", **files: str) -> Any:
    """A build with these files beside its code."""
    toml = BOT_TOML.replace("test-bot", team.bot.name).replace("1.2.3", version)
    path = builders.Path(builders.settings.DATASET_ROOT) / f"{version}.zip"
    base = FILES | {"bot.toml": toml, "bot.py": "class Bot: ...", "parameters.schema.json": SCHEMA}
    path.write_bytes(make_zip(base | files))
    return builders.push_code(team, path)


def _release(team: Team, code: Any = None, **config: Any) -> Release:
    return builders.make_release(
        team, code_version=code or _code(team), config_bundle=builders.push_config(team, **config)
    )


def _run(kind: str, release: Release, compared_with: Release | None = None) -> checks.Verdict:
    definition = selectors.definition_in_force(kind)
    gate = Gate(kind=kind, release=release, definition=definition, compared_with=compared_with)
    return checks.run(gate, release, lambda percent: None)


@pytest.fixture
def fresh_feed() -> Iterator[None]:
    """The feed is on schedule."""
    with patch.object(markets, "freshness_ms", return_value=0):
        yield


def _delivered(*changes: dict[str, Any]) -> Any:
    bars = list(markets.series_of(builders.Feed.objects.get().dataset).bars[: len(changes)])
    return patch.object(
        markets,
        "bars_between",
        return_value=[bar._replace(**change) for bar, change in zip(bars, changes, strict=True)],
    )


@pytest.mark.usefixtures("fresh_feed")
def test_bars_as_declared_pass(team: Team) -> None:
    release = _release(team)
    with _delivered({}, {}):
        verdict = _run("data_contract", release)

    assert verdict.state == GateState.PASSED
    assert verdict.thresholds["late_ms_max"] == 5000


@pytest.mark.usefixtures("fresh_feed")
@pytest.mark.parametrize(
    ("change", "word"),
    [({"end_ms": 1}, "do not last 1h"), ({"high": builders.Decimal(1)}, "outside their own high and low")],
)
def test_bars_that_are_not_as_declared_fail(team: Team, change: dict[str, Any], word: str) -> None:
    release = _release(team)
    with _delivered({}, change):
        verdict = _run("data_contract", release)

    assert verdict.state == GateState.FAILED
    assert word in verdict.message


@pytest.mark.usefixtures("fresh_feed")
def test_volume_that_is_declared_and_never_there_fails(team: Team) -> None:
    release = _release(team, data_contract=CONTRACT | {"fields": ["close", "volume"]})
    nothing = {"volume": builders.Decimal(0)}
    with _delivered(nothing, nothing):
        assert "delivers none" in _run("data_contract", release).message


@pytest.mark.usefixtures("fresh_feed")
def test_a_feed_that_delivered_nothing_fails(team: Team) -> None:
    release = _release(team)
    with _delivered():
        assert "bars 0 is less than the 2 needed" in _run("data_contract", release).message


def test_a_feed_later_than_the_contract_allows_fails(team: Team) -> None:
    release = _release(team)
    with _delivered({}, {}), patch.object(markets, "freshness_ms", return_value=5001):
        assert "late ms 5001 is more than the 5000 allowed" in _run("data_contract", release).message


def test_orders_as_declared_pass(team: Team) -> None:
    verdict = _run("order_contract", _release(team, _code(team, **{"bot.py": TRADES})))

    assert verdict.state == GateState.PASSED
    assert verdict.figures["orders"] > 0


@pytest.mark.parametrize(
    ("permissions", "word"),
    [
        ({"sides": ["BUY"]}, "it sends SELL, which the permissions' sides leave out"),
        ({"order_types": ["LIMIT"]}, "it sends MARKET, which the permissions' order_types leave out"),
        ({"times_in_force": ["FOK"]}, "times_in_force leave out"),
    ],
)
def test_orders_that_the_permissions_leave_out_fail(team: Team, permissions: dict[str, Any], word: str) -> None:
    verdict = _run("order_contract", _release(team, _code(team, **{"bot.py": TRADES}), permissions=permissions))

    assert verdict.state == GateState.FAILED
    assert word in verdict.message


def test_orders_that_the_build_does_not_declare_fail(team: Team) -> None:
    release = _release(team, _code(team, **{"bot.py": TRADES}))
    release.code_version.manifest["orders"] = {"sides": ["BUY"], "types": ["LIMIT"]}

    verdict = _run("order_contract", release)

    assert "it sends SELL MARKET, which [orders] does not declare" in verdict.message


@pytest.mark.parametrize(("permissions", "state"), [({}, "failed"), ({"shorting": True}, "passed")])
def test_selling_short_must_be_permitted(team: Team, permissions: dict[str, Any], state: str) -> None:
    verdict = _run("order_contract", _release(team, _code(team, **{"bot.py": SHORT}), permissions=permissions))

    assert verdict.state == state


def test_a_bot_that_sends_nothing_has_shown_nothing(team: Team) -> None:
    idle = "from quarterdeck import Strategy\nclass Bot(Strategy): ...\n"
    verdict = _run("order_contract", _release(team, _code(team, **{"bot.py": idle})))

    assert verdict.state == GateState.FAILED
    assert "orders 0 is less than the 1 needed" in verdict.message


def test_paper_accounts_need_no_keys(team: Team) -> None:
    assert _run("secrets_present", _release(team)).state == GateState.PASSED


def test_keys_that_are_not_there_fail_by_name_and_code(team: Team, settings: Any, tmp_path: Any) -> None:
    settings.VENUE_KEYS_ROOT = tmp_path
    release = _release(team)
    with acting(**BY):
        Venue.objects.filter(pk=team.account.venue_id).update(adapter="alpaca")

    verdict = _run("secrets_present", release)

    assert verdict.state == GateState.FAILED
    assert verdict.figures["missing"] == [f"{team.account.name}: KEYS_MISSING"]


@pytest.mark.parametrize("name", ["README.md", "OPERATING.md"])
def test_an_operating_standard_with_its_headings_passes(team: Team, name: str) -> None:
    assert _run("operating_standard", _release(team, _code(team, **{name: STANDARD}))).state == GateState.PASSED


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"README.txt": STANDARD}, "the build holds no OPERATING.md or README.md"),
        ({"README.md": STANDARD.replace("Restarting", "Coffee")}, "README.md lacks the heading Restarting"),
        ({"README.md": "## When it must be held\n## Restarting\n## Changing it\n"}, "words 11 is less than the 100"),
    ],
)
def test_an_operating_standard_that_lacks_something_fails(team: Team, files: dict[str, str], word: str) -> None:
    verdict = _run("operating_standard", _release(team, _code(team, **files)))

    assert verdict.state == GateState.FAILED
    assert word in verdict.message


@pytest.mark.parametrize(
    ("text", "limits", "body", "state"),
    [
        (STANDARD, builders.LIMITS, "class Bot:\n    pass", "failed"),
        (STANDARD + "new", builders.LIMITS, "class Bot:\n    pass", "passed"),
    ],
)
def test_a_change_of_code_needs_a_new_standard(
    team: Team, text: str, limits: dict[str, str], body: str, state: str
) -> None:
    before = _release(team, _code(team, "1.0.0", **{"README.md": STANDARD}))
    after = _release(team, _code(team, "1.1.0", **{"README.md": text, "bot.py": body}), limits=limits)

    assert _run("operating_standard", after, compared_with=before).state == state


@pytest.mark.parametrize(("position", "state"), [("3", "failed"), ("1", "passed"), ("2", "passed")])
def test_wider_limits_need_a_new_standard(team: Team, position: str, state: str) -> None:
    code = _code(team, **{"README.md": STANDARD})
    before = _release(team, code)
    after = _release(team, code, limits=builders.LIMITS | {"position": position})

    assert _run("operating_standard", after, compared_with=before).state == state


def test_a_lockfile_is_read_as_pins_and_nothing_else() -> None:
    text = "# made by x\nnumpy==2.1.0 \\\n    --hash=sha256:aa\nscipy==1.15.0 ; python_version > '3'\n\n"

    assert scans.pinned(text) == ["numpy==2.1.0", "scipy==1.15.0"]


@pytest.mark.parametrize("line", ["numpy", "numpy>=1", "-r /etc/passwd", "--index-url http://x", "a @ http://x/a.whl"])
def test_a_lockfile_that_pins_nothing_is_refused(line: str) -> None:
    with pytest.raises(Refused, match="must pin"):
        scans.pinned(line)


@pytest.mark.parametrize(("flaws", "state"), [([], "passed"), ([{"id": "PYSEC-1"}], "failed")])
def test_known_vulnerabilities_are_counted(team: Team, flaws: list[Any], state: str) -> None:
    release = _release(team, _code(team, **{"requirements.lock": "numpy==2.1.0\n"}))
    said = json.dumps({"dependencies": [{"name": "numpy", "version": "2.1.0", "vulns": flaws}]})
    with patch.object(scans, "_run", return_value=said):
        verdict = _run("dependency_scan", release)

    assert verdict.state == state
    assert verdict.figures["vulnerabilities"] == len(flaws)


@pytest.mark.parametrize(
    "said", ["", "{}", '{"dependencies": []}', '{"dependencies": [{"name": "numpy", "skip_reason": "not found"}]}']
)
def test_no_whole_answer_is_an_error_and_never_a_pass(team: Team, said: str) -> None:
    release = _release(team, _code(team, **{"requirements.lock": "numpy==2.1.0\n"}))

    with patch.object(scans, "_run", return_value=said), pytest.raises(Unavailable) as caught:
        _run("dependency_scan", release)

    assert caught.value.code == "ADVISORIES_UNREACHABLE"


def test_without_the_scanner_nothing_passes(team: Team) -> None:
    release = _release(team, _code(team, **{"requirements.lock": "numpy==2.1.0\n"}))

    with patch.object(scans, "find_spec", return_value=None), refused("SCANNER_MISSING"):
        _run("dependency_scan", release)
