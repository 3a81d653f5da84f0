"""What a backtest may be asked for: parts of one bot, a dataset that its code can read, settings that make sense."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from quarterdeck.bars import INTERVAL_MS
from quarterdeck.calendars import CALENDARS

from apps.bots import schemas
from apps.bots.models import CodeVersion, ParameterSet
from apps.common.errors import Invalid, Refused
from apps.markets.models import Dataset
from apps.runtime.simulator import SimConfig

# What trading costs when nobody says otherwise; the frozen backtest of the gates costs the same.
COSTS = SimConfig(
    half_spread_bps=Decimal(2), slippage_bps=Decimal(1), taker_fee_bps=Decimal(10), maker_fee_bps=Decimal(5)
)
SEED = 20_170_701
SEED_MAX = 2**63 - 1
CASH = Decimal(100_000)
CASH_MAX = Decimal(10) ** 12
LATENCY_MS_MAX = 86_400_000


def check_parts(code: CodeVersion, parameters: ParameterSet, dataset: Dataset) -> None:
    """Refuse parts that do not belong together.

    Raises Refused PART_OTHER_BOT, BACKTEST_INSTRUMENT, BACKTEST_INTERVAL, Invalid PARAMETERS_SCHEMA.
    """
    bot = code.bot
    if parameters.bot_id != bot.pk:
        raise Refused("PART_OTHER_BOT", "code and parameters must be of one bot")
    schemas.check(parameters.content, code.parameter_schema, "PARAMETERS_SCHEMA")
    symbol = dataset.instrument.symbol
    if symbol not in bot.symbols:
        raise Refused("BACKTEST_INSTRUMENT", f"{dataset} is of {symbol}; {bot} trades {', '.join(bot.symbols)}")
    declared = code.manifest.get("data", {}).get("interval")
    if declared is not None and INTERVAL_MS.get(declared) != dataset.interval_ms:
        raise Refused("BACKTEST_INTERVAL", f"the code reads bars of {declared}; choose a dataset of that interval")


def settings(asked: Mapping[str, Any], calendar: str) -> SimConfig:
    """The costs that were asked for over COSTS; the instrument's calendar says when a day ends.

    Raises Invalid BACKTEST_SETTINGS.
    """
    known = {name: value for name, value in asked.items() if value is not None}
    if known.get("latency_ms", 0) > LATENCY_MS_MAX:
        raise Invalid("BACKTEST_SETTINGS", "latency_ms is at most a day", field="latency_ms")
    try:
        return replace(COSTS, **known, calendar=calendar if calendar in CALENDARS else COSTS.calendar)
    except ValueError as error:
        raise Invalid("BACKTEST_SETTINGS", str(error)) from error


def check_start(seed: int, starting_cash: Decimal) -> None:
    """Raises Invalid BACKTEST_SEED, BACKTEST_CASH."""
    if not 0 <= seed <= SEED_MAX:
        raise Invalid("BACKTEST_SEED", f"a seed is from 0 to {SEED_MAX}", field="seed")
    if not starting_cash.is_finite() or not 0 < starting_cash <= CASH_MAX:
        raise Invalid("BACKTEST_CASH", f"the starting cash is above 0 and at most {CASH_MAX}", field="starting_cash")
