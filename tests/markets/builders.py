"""A wall clock moved by hand, and markets made of a few bars."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from apps.access import services as access
from apps.access.models import Firm
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.markets import services as markets
from apps.markets.models import Feed, FxRate, Instrument

BY = {"actor": "job:tests", "reason": "arranged by a test"}
HOUR_MS = 3_600_000
# A Monday, so that a 24/5 session is open.
MARKET_START = datetime(2024, 1, 1, tzinfo=UTC)
MARKET_START_MS = 1_704_067_200_000
WALL_START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Wall:
    """The wall clock; stands still until it is moved."""

    def __init__(self) -> None:
        self.now = WALL_START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move it, backwards too."""
        self.now += timedelta(seconds=seconds)


def make_firm() -> Firm:
    """The firm, made when there is none."""
    return Firm.objects.first() or access.make_firm(name="Harbour", base_currency="USD", **BY)


def make_instrument(symbol: str = "BTC-USD", **overrides: Any) -> Instrument:
    """A crypto pair with whole lots of 1 and ticks of a cent."""
    make_firm()
    base, quote = symbol.split("-")
    fields: dict[str, Any] = {
        "symbol": symbol,
        "asset_class": "crypto_spot",
        "base_currency": base,
        "quote_currency": quote,
        "lot_size": "1",
        "tick_size": "0.01",
    }
    return markets.add_instrument(**(fields | overrides), **BY)


def write_rate(base: str, quote: str, rate: str, **overrides: Any) -> FxRate:
    """A rate that stands from now on for an hour, whoever agreed to it: no service enters just any."""
    now = wall_now()
    fields: dict[str, Any] = {"valid_from": now, "valid_until": now + timedelta(hours=1), "source": "desk"}
    with acting(**BY):
        return FxRate.objects.create(**{"base": base, "quote": quote, "rate": Decimal(rate)} | fields | overrides)


def write_bars(
    folder: Path,
    name: str,
    closes: Sequence[str],
    *,
    start: datetime = MARKET_START,
    skip: Collection[int] = (),
    volume: str = "1000",
) -> str:
    """A file of hourly bars that open where the one before closed; those numbered in `skip` are missing."""
    lines = ["timestamp,open,high,low,close,volume"]
    before = closes[0]
    for number, close in enumerate(closes):
        low, high = sorted([before, close], key=float)
        moment = (start + timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        if number not in skip:
            lines.append(f"{moment},{before},{high},{low},{close},{volume}")
        before = close
    (folder / name).write_text("\n".join(lines) + "\n")
    return name


def make_feed(
    folder: Path,
    closes: Sequence[str],
    *,
    symbol: str = "BTC-USD",
    speed: int = 3600,
    hours_in: int = 0,
    start: datetime = MARKET_START,
    skip: Collection[int] = (),
    volume: str = "1000",
    **instrument: Any,
) -> Feed:
    """A replay of `closes` that starts `hours_in` hours after the first bar's start; a bar a second."""
    made = make_instrument(symbol, **instrument)
    file_name = write_bars(folder, f"{symbol}.csv", closes, start=start, skip=skip, volume=volume)
    dataset = markets.freeze_dataset(
        name=symbol, file_name=file_name, instrument=made, interval_ms=HOUR_MS, source="a test", **BY
    )
    starts_at = start + timedelta(hours=hours_in)
    return markets.open_feed(
        name=f"{symbol} replay", instrument=made, dataset=dataset, speed=speed, starts_at=starts_at, **BY
    )
