"""The quarterdeck command: keys, builds, signatures, local backtests, cancels without the platform."""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from quarterdeck.backtest import intents_hash, step, total_return
from quarterdeck.bars import INTERVAL_MS, read_bars
from quarterdeck.book import Book
from quarterdeck.build import build
from quarterdeck.decimals import parse_decimal, plain
from quarterdeck.events import Instrument
from quarterdeck.loading import load_strategy, read_bot_toml
from quarterdeck.offline import commands as offline
from quarterdeck.session import Session
from quarterdeck.simvalues import SimConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 2 with a sentence on stderr when the input is wrong, 1 when the venue confirmed not all."""
    options = _parser().parse_args(arguments)
    try:
        found = options.run(options)
        print(json.dumps(found, indent=2))
    except (ValueError, OSError, KeyError) as error:
        print(f"quarterdeck: {error}", file=sys.stderr)
        return 2
    return 1 if found.get("unconfirmed") else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarterdeck", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser("init-key", help="make an Ed25519 signing key")
    command.add_argument("path", type=Path)
    command.set_defaults(run=_init_key)
    command = commands.add_parser("build", help="pack a bot's folder into an artifact")
    command.add_argument("folder", type=Path)
    command.add_argument("-o", "--output", type=Path)
    command.set_defaults(run=_build)
    command = commands.add_parser("sign", help="sign an artifact")
    command.add_argument("folder", type=Path, help="the bot's folder: name and version come from its bot.toml")
    command.add_argument("artifact", type=Path)
    command.add_argument("--key", type=Path, required=True)
    command.add_argument("--git-sha", required=True)
    command.set_defaults(run=_sign)
    offline.add(commands.add_parser("offline", help="act at the venues while the platform is down"))
    _add_backtest(commands.add_parser("backtest", help="run a bot's folder over bars, on this machine"))
    return parser


def _add_backtest(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path)
    command.add_argument("bars", type=Path, help="CSV: timestamp, open, high, low, close, volume")
    command.add_argument("--symbol", required=True)
    command.add_argument("--tick", type=parse_decimal, default=Decimal("0.01"))
    command.add_argument("--lot", type=parse_decimal, default=Decimal("0.00000001"))
    command.add_argument("--cash", type=parse_decimal, default=Decimal(100_000))
    command.add_argument("--seed", type=int, default=1)
    for name in ("half-spread-bps", "slippage-bps", "maker-fee-bps", "taker-fee-bps"):
        command.add_argument(f"--{name}", type=parse_decimal, default=Decimal(0))
    command.add_argument("--latency-ms", type=int, default=0)
    command.add_argument("--participation-cap", type=parse_decimal)
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter")
    command.set_defaults(run=_backtest)


def _init_key(options: argparse.Namespace) -> dict[str, str]:
    from quarterdeck.sign import SigningKey

    key = SigningKey.generate()
    descriptor = os.open(options.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(key.to_pem())
    return {"key_id": key.key_id, "public_key_hex": key.public_bytes.hex(), "path": str(options.path)}


def _build(options: argparse.Namespace) -> dict[str, str]:
    path = build(options.folder, options.output)
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _sign(options: argparse.Namespace) -> dict[str, str]:
    from quarterdeck.sign import SigningKey, sign

    described = read_bot_toml(options.folder)
    return sign(
        SigningKey.from_pem(options.key.read_bytes()),
        artifact_sha256=hashlib.sha256(options.artifact.read_bytes()).hexdigest(),
        name=described["name"],
        version=described["version"],
        git_sha=options.git_sha,
    )


def _backtest(options: argparse.Namespace) -> dict[str, Any]:
    described = read_bot_toml(options.folder)
    bars = read_bars(options.bars, options.symbol, INTERVAL_MS[described["data"]["interval"]])
    instrument = Instrument(options.symbol, options.tick, options.lot, options.lot)
    config = SimConfig(
        half_spread_bps=options.half_spread_bps,
        slippage_bps=options.slippage_bps,
        latency_ms=options.latency_ms,
        maker_fee_bps=options.maker_fee_bps,
        taker_fee_bps=options.taker_fee_bps,
        participation_cap=options.participation_cap,
    )
    session = Session(
        load_strategy(options.folder),
        parameters=_parameters(options.folder / described["parameters"]["schema"], options.set),
        instruments=[instrument],
        checkpoint=None,
        seed=options.seed,
    )
    book = Book(instrument, config, seed=options.seed, cash=options.cash)
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


def _parameters(schema_path: Path, settings: Sequence[str]) -> dict[str, Any]:
    """The schema's defaults, overridden by NAME=VALUE, whose VALUE is JSON unless the schema says string."""
    properties = json.loads(schema_path.read_text(encoding="utf-8"))["properties"]
    values = {name: spec["default"] for name, spec in properties.items() if "default" in spec}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator or name not in properties:
            raise ValueError(f"--set {setting}: not NAME=VALUE of a parameter")
        values[name] = text if properties[name].get("type") == "string" else json.loads(text)
    return values
