"""Backtests that a team asks for, over the ten hours of its feed."""

from typing import Any

from apps.common import claims
from apps.runtime import services
from apps.runtime.models import BacktestRun
from tests import builders
from tests.builders import Team

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
SLOW = TRADES.replace("Strategy\n", "Strategy\nimport time\n", 1).replace(
    "on_bar(self, bar):\n", "on_bar(self, bar):\n        time.sleep(0.15)\n"
)
HANGS = SLOW.replace("0.15", "9")
RAISES = "from quarterdeck import Strategy\n\nclass Bot(Strategy):\n    def on_bar(self, bar):\n        {}['x']\n"


def ask(team: Team, body: str = TRADES, **overrides: Any) -> BacktestRun:
    """The engineer asks for a backtest of a bot with this body."""
    code = overrides.get("code_version") or builders.push_code(
        team, builders.write_artifact(team.bot, version=f"1.0.{len(body)}", body=body)
    )
    fields: dict[str, Any] = {
        "code_version": code,
        "parameter_set": overrides.get("parameter_set") or builders.push_parameters(team, code),
        "dataset": team.feed.dataset,
        "actor": team.engineer,
        "reason": "what does it earn?",
    }
    return services.request_backtest(**(fields | overrides))


def claimed() -> BacktestRun:
    """The oldest due one, leased by this process."""
    return claims.claim(BacktestRun.objects.all(), lease_s=services.BACKTEST_LEASE_S)[0]


def done(team: Team, body: str = TRADES, **overrides: Any) -> BacktestRun:
    """One that has ended."""
    run = ask(team, body, **overrides)
    services.run_backtest(claimed())
    return BacktestRun.objects.get(pk=run.pk)
