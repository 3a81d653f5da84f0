"""`quarterdeck backtest`: a bot's folder over bars, on this machine or on the platform."""

import argparse
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from quarterdeck.backtest import intents_hash, step, total_return
from quarterdeck.bars import INTERVAL_MS, read_bars
from quarterdeck.book import Book
from quarterdeck.commands import remote_backtest
from quarterdeck.commands.connection import add_platform
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.project import read_yaml
from quarterdeck.commands.screen import Screen
from quarterdeck.decimals import parse_decimal, plain
from quarterdeck.events import Instrument
from quarterdeck.failures import usage
from quarterdeck.loading import default_parameters, load_strategy, read_bot_toml
from quarterdeck.session import Session
from quarterdeck.simvalues import SimConfig


def add(commands: Commands) -> None:
    """backtest, which runs here unless --remote is given."""
    command = commands.add(
        "backtest",
        "run a bot over bars, on this machine or with --remote on the platform",
        _backtest,
        example="quarterdeck backtest . prices.csv --symbol BTC-USD --taker-fee-bps 10",
    )
    command.add_argument("folder", type=Path)
    command.add_argument("bars", type=Path, nargs="?", help="CSV: timestamp, open, high, low, close, volume")
    command.add_argument("--symbol", help="the instrument, when bot.toml names more than one")
    command.add_argument("--tick", type=parse_decimal, default=Decimal("0.01"))
    command.add_argument("--lot", type=parse_decimal, default=Decimal("0.00000001"))
    command.add_argument("--cash", type=parse_decimal, default=Decimal(100_000))
    command.add_argument("--seed", type=int, default=1)
    for name in ("half-spread-bps", "slippage-bps", "maker-fee-bps", "taker-fee-bps"):
        command.add_argument(f"--{name}", type=parse_decimal, default=Decimal(0))
    command.add_argument("--latency-ms", type=int, default=0)
    command.add_argument("--participation-cap", type=parse_decimal)
    command.add_argument("--parameters", type=Path, help="YAML file of parameters, over the schema's defaults")
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter")
    remote_backtest.add_options(command)
    add_platform(command)


def _parameters(options: argparse.Namespace, described: dict[str, Any]) -> dict[str, Any]:
    """The schema's defaults, then the file's, then NAME=VALUE, whose VALUE is JSON unless the schema says string."""
    values = default_parameters(options.folder)
    if options.parameters:
        values |= read_yaml(options.parameters)
    schema = options.folder / described["parameters"]["schema"]
    properties = json.loads(schema.read_text(encoding="utf-8"))["properties"]
    for setting in options.set:
        name, separator, text = setting.partition("=")
        if not separator or name not in properties:
            raise ValueError(f"--set {setting}: not NAME=VALUE of a parameter")
        values[name] = text if properties[name].get("type") == "string" else json.loads(text)
    return values


def _backtest(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    if options.remote:
        return remote_backtest.run(options, screen)
    if options.bars is None:
        raise usage("give the CSV file with the bars, or --remote")
    described = read_bot_toml(options.folder)
    instrument = Instrument(_symbol(options, described), options.tick, options.lot, options.lot)
    bars = read_bars(options.bars, instrument.symbol, INTERVAL_MS[described["data"]["interval"]])
    session = Session(
        load_strategy(options.folder),
        parameters=_parameters(options, described),
        instruments=[instrument],
        checkpoint=None,
        seed=options.seed,
    )
    book = Book(instrument, _costs(options), seed=options.seed, cash=options.cash)
    intents = step(session, book, bars)
    return {
        "bars": len(bars),
        "intents": len(intents),
        "intents_hash": intents_hash(intents),
        "fills": len(book.fills),
        "rejects": len(book.updates),
        "fees": plain(book.holding.fees),
        "realised_pnl": plain(book.holding.realised_pnl),
        "total_return": plain(total_return(book, options.cash).quantize(Decimal("0.00000001"))),
    }


def _symbol(options: argparse.Namespace, described: dict[str, Any]) -> str:
    declared = described["data"].get("instruments", [])
    if options.symbol is None and len(declared) != 1:
        raise usage("bot.toml names no single instrument: give --symbol")
    return str(options.symbol or declared[0])


def _costs(options: argparse.Namespace) -> SimConfig:
    return SimConfig(
        half_spread_bps=options.half_spread_bps,
        slippage_bps=options.slippage_bps,
        latency_ms=options.latency_ms,
        maker_fee_bps=options.maker_fee_bps,
        taker_fee_bps=options.taker_fee_bps,
        participation_cap=options.participation_cap,
    )
