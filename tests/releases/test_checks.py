"""What the gates measure: lint, determinism and the frozen backtest, on real runs in the sandbox."""

import pytest

from apps.audit.context import acting
from apps.markets.models import Feed
from apps.releases import checks, selectors
from apps.releases.models import Gate, Release
from apps.releases.states import GateState
from tests import builders
from tests.builders import BY, Team, refused

TRADES = """
from decimal import Decimal
from quarterdeck import Strategy

class Bot(Strategy):
    def on_start(self, ctx):
        self.quantity = Decimal("0.1")
    def on_bar(self, bar):
        if self.position() > 0:
            self.exit()
        elif not self.has_open_orders():
            self.buy(self.quantity)
"""
# Its orders depend on something outside the events: the wall clock.
UNSTEADY = TRADES.replace("Strategy\n", "Strategy\nimport time\n", 1).replace(
    'Decimal("0.1")', "Decimal(time.time_ns() % 997 + 1) / 10000"
)


def _release(team: Team, body: str = "class Bot: ...") -> Release:
    return builders.make_release(
        team, code_version=builders.push_code(team, builders.write_artifact(team.bot, body=body))
    )


def _run(kind: str, release: Release) -> checks.Verdict:
    gate = Gate(kind=kind, release=release, definition=selectors.definition_in_force(kind))
    return checks.run(gate, release, lambda percent: None)


def test_lint_passes_a_config_that_fits_code_and_market(team: Team) -> None:
    assert _run("config_lint", _release(team)).state == GateState.PASSED


def test_lint_names_a_feed_that_is_not_there(team: Team) -> None:
    release = builders.make_release(team, config_bundle=builders.push_config(team, feed="gone"))

    verdict = _run("config_lint", release)

    assert (verdict.state, verdict.figures["problems"]) == (GateState.FAILED, ["there is no feed named gone"])
    assert verdict.message.startswith("there is no feed named gone. What to do: ")


@pytest.mark.parametrize("kind", ["deterministic", "backtest"])
def test_a_run_on_a_feed_that_is_not_there_is_refused(team: Team, kind: str) -> None:
    release = builders.make_release(team, config_bundle=builders.push_config(team, feed="gone"))

    with refused("FEED_UNKNOWN"):
        _run(kind, release)


def test_lint_compares_the_data_contract_with_the_codes(team: Team) -> None:
    contract = {"interval": "1d", "fields": ["open"], "staleness_ms_max": 5000}
    release = builders.make_release(team, config_bundle=builders.push_config(team, data_contract=contract))

    verdict = _run("config_lint", release)

    assert verdict.state == GateState.FAILED
    assert len(verdict.figures["problems"]) == 2


def test_lint_refuses_a_feed_of_another_instrument(team: Team) -> None:
    release = _release(team)
    with acting(**BY):
        Feed.objects.filter(pk=team.feed.pk).update(instrument=builders.make_instrument("ETH-USD"))

    assert "does not trade" in _run("config_lint", release).message


def test_two_runs_of_a_steady_bot_give_one_hash(team: Team) -> None:
    verdict = _run("deterministic", _release(team, TRADES))

    assert verdict.state == GateState.PASSED
    assert verdict.figures["first_hash"] == verdict.figures["second_hash"]


def test_a_bot_that_looks_at_the_clock_fails(team: Team) -> None:
    verdict = _run("deterministic", _release(team, UNSTEADY))

    assert verdict.state == GateState.FAILED
    assert "different orders" in verdict.message


def test_a_revoked_signer_ends_a_run(team: Team) -> None:
    release = _release(team, TRADES)
    builders.bots.revoke_signer(signer=team.signer, **BY)

    with refused("SIGNER_REVOKED"):
        _run("deterministic", release)


def test_too_few_fills_fail_the_backtest_and_the_run_is_kept(team: Team) -> None:
    verdict = _run("backtest", _release(team, TRADES))

    assert verdict.state == GateState.FAILED
    assert "fill count 9 is less than the 20 needed" in verdict.message
    assert verdict.backtest is not None
    assert verdict.figures["result_hash"] == verdict.backtest.intents_hash


def test_two_backtests_of_one_release_give_one_hash(team: Team) -> None:
    release = _release(team, TRADES)

    hashes = {_run("backtest", release).figures["result_hash"] for _ in range(2)}

    assert len(hashes) == 1
