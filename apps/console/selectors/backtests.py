"""Backtests as people look at them: what was asked for, what it came to, what two of them differ in."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access.models import User
from apps.access.states import Permission
from apps.bots.models import Bot
from apps.markets.models import Dataset
from apps.releases.models import Release
from apps.runtime import selectors as runtime
from apps.runtime.models import Backtest, BacktestRun

SCOPE = "code_version__bot__scope"
OTHERS_SHOWN = 50
CHOICES_MAX = 100
PERCENT, RATIO, MONEY, COUNT = "percent", "ratio", "money", "count"
# name -> label, kind, what it is
WORDS = {
    "total_return": ("Return", PERCENT, "last equity over the starting cash, less one"),
    "sharpe": ("Sharpe ratio", RATIO, "of daily returns, a year of 365 days, no risk-free rate"),
    "sortino": ("Sortino ratio", RATIO, "the same over downside deviation from zero"),
    "max_drawdown": ("Largest drawdown", PERCENT, "the deepest fall below a peak"),
    "hit_rate": ("Hit rate", PERCENT, "round trips that earned something, fees taken off"),
    "expectancy": ("Expectancy", MONEY, "what a round trip earned on average"),
    "turnover": ("Turnover", RATIO, "traded value over mean equity"),
    "costs": ("Fees", MONEY, "paid in all"),
    "slippage": ("Slippage", MONEY, "fills against the close of the bar they were decided on"),
    "fill_count": ("Fills", COUNT, ""),
    "round_trip_count": ("Round trips", COUNT, "from flat to flat"),
    "final_equity": ("Final equity", MONEY, ""),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a backtest, of two, or their difference."""

    name: str
    value: Decimal | None
    other: Decimal | None = None
    change: Decimal | None = None

    @property
    def label(self) -> str:
        """Its name for people."""
        return WORDS[self.name][0]

    @property
    def kind(self) -> str:
        """How it is written."""
        return WORDS[self.name][1]

    @property
    def hint(self) -> str:
        """What it is."""
        return WORDS[self.name][2]


def figures(backtest: Backtest) -> list[Figure]:
    """Every figure, in reading order."""
    return [Figure(name, value) for name, value in runtime.figures(backtest).items()]


def differences(first: Backtest, second: Backtest) -> list[Figure]:
    """Every figure of both."""
    return [Figure(row.name, row.first, row.second, row.change) for row in runtime.differences(first, second)]


@dataclass(frozen=True, slots=True)
class RunView:
    """A run in a list, with the few figures that people look for first."""

    run: BacktestRun

    @property
    def headline(self) -> list[Figure]:
        """Return, Sharpe ratio and drawdown; none before it is done."""
        if self.run.result is None:
            return []
        known = runtime.figures(self.run.result)
        return [Figure(name, known.get(name)) for name in ("total_return", "sharpe", "max_drawdown")]


def visible_runs(user: User, bot: str = "", state: str = "") -> QuerySet[BacktestRun]:
    """What was asked for within reach, newest first."""
    rows = access.within(runtime.runs(), user, SCOPE).order_by("-id")
    rows = rows.filter(code_version__bot__name__icontains=bot) if bot else rows
    return rows.filter(state=state) if state else rows


def visible_results(user: User) -> QuerySet[Backtest]:
    """Results within reach, newest first: of runs and of gates."""
    return access.within(runtime.results(), user, SCOPE).order_by("-id")


def others(backtest: Backtest, user: User) -> list[Backtest]:
    """The newest other results of the same bot: what it may be compared with."""
    rows = visible_results(user).filter(code_version__bot=backtest.code_version.bot_id).exclude(pk=backtest.pk)
    return list(rows[:OTHERS_SHOWN])


def buildable_bots(user: User) -> QuerySet[Bot]:
    """Bots of which the person may ask for a backtest."""
    return access.within(Bot.objects.all(), user, "scope", permission=Permission.BUILD).order_by("name")


@dataclass(frozen=True, slots=True)
class Choices:
    """What a backtest of a bot may be made of; of its code and parameters the newest."""

    bot: Bot
    release: Release | None

    @property
    def codes(self) -> list[object]:
        """Its code, newest first."""
        return list(self.bot.code_versions.order_by("-number")[:CHOICES_MAX])

    @property
    def parameters(self) -> list[object]:
        """Its parameters, newest first."""
        return list(self.bot.parameter_sets.order_by("-number")[:CHOICES_MAX])

    @property
    def datasets(self) -> list[Dataset]:
        """Datasets of instruments that it trades."""
        rows = Dataset.objects.filter(instrument__symbol__in=self.bot.symbols).select_related("instrument")
        return list(rows.order_by("name")[:CHOICES_MAX])


def choices(bot: Bot, release_id: UUID | None) -> Choices:
    """The choices, with the release to start from, if it is the bot's."""
    return Choices(bot, bot.releases.filter(pk=release_id).first() if release_id else None)
