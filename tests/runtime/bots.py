"""Small bots written to a folder, to see what a host makes of them."""

from decimal import Decimal
from pathlib import Path

from quarterdeck.events import Bar, Instrument

HOUR_MS = 3_600_000
BTC = Instrument("BTC-USD", Decimal("0.01"), Decimal("0.00000001"), Decimal("0.0001"))
ROOT = Path(__file__).resolve().parents[2]
BTC_TREND = ROOT / "examples" / "btc_trend"
BTC_TREND_PARAMETERS = {"fast_bars": 8, "slow_bars": 24, "quantity": "0.5"}
HEADER = """
import json, os, sys, threading, time
from decimal import Decimal
from quarterdeck import Strategy

class Bot(Strategy):
"""


def write_bot(folder: Path, body: str) -> Path:
    """A build folder whose bot has this body of methods."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    (folder / "bot.toml").write_text('name = "test-bot"\nversion = "1.0.0"\nentry_point = "bot:Bot"\n')
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    (folder / "bot.py").write_text(HEADER + lines)
    return folder


def make_bars(count: int, first: int = 0, price: str = "100") -> list[Bar]:
    """Flat bars, one after the other."""
    return [
        Bar("BTC-USD", n * HOUR_MS, (n + 1) * HOUR_MS, *[Decimal(price)] * 4, Decimal(10))
        for n in range(first, first + count)
    ]
