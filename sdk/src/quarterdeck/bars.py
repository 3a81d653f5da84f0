"""Reading and checking bars from a CSV file."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from quarterdeck.decimals import parse_decimal, plain
from quarterdeck.events import Bar

INTERVAL_MS = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}
COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
_VOLUME = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?(E\+[0-9]{1,2})?")


def read_bars(path: Path, instrument: str, interval_ms: int) -> list[Bar]:
    """The bars of a CSV file (timestamp = the bar's start, ISO 8601 with Z), oldest first.

    ValueError names the line that is malformed, out of order or has impossible prices; missing hours
    are left missing.
    """
    with path.open(newline="", encoding="utf-8") as handle:
        return list(parse_bars(handle, instrument, interval_ms))


def parse_bars(lines: Iterable[str], instrument: str, interval_ms: int) -> Iterator[Bar]:
    """The bars that CSV lines spell, one by one; see read_bars."""
    rows = csv.reader(lines)
    if tuple(next(rows, ())) != COLUMNS:
        raise ValueError(f"line 1: expected the columns {', '.join(COLUMNS)}")
    previous_ms = -1
    for number, row in enumerate(rows, start=2):
        try:
            bar = parse_bar(row, instrument, interval_ms)
            check_bar(bar, after_ms=previous_ms)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        previous_ms = bar.end_ms
        yield bar


def check_bar(bar: Bar, after_ms: int = -1) -> None:
    """ValueError unless prices are positive and ordered, volume not negative, and time moves on."""
    if bar.start_ms < after_ms or bar.end_ms <= bar.start_ms:
        raise ValueError("the bar overlaps the one before it")
    if not all(value.is_finite() for value in bar[3:8]):
        raise ValueError("prices and volume are finite")
    if not 0 < bar.low <= min(bar.open, bar.close) or bar.high < max(bar.open, bar.close) or bar.volume < 0:
        raise ValueError("low <= open, close <= high does not hold, or the volume is negative")


def parse_bar(row: Sequence[str], instrument: str, interval_ms: int) -> Bar:
    """The bar that the fields of one line spell, in the order of COLUMNS; ValueError says what is wrong with them."""
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} fields, expected {len(COLUMNS)}")
    start_ms = _epoch_ms(row[0])
    open_, high, low, close = map(parse_decimal, row[1:5])
    return Bar(instrument, start_ms, start_ms + interval_ms, open_, high, low, close, _volume(row[5]))


def _volume(text: str) -> Decimal:
    """A volume; published files write large ones with an exponent (1.00532E+11), which is exact too."""
    if not _VOLUME.fullmatch(text):
        raise ValueError(f"not a volume: {text!r:.60}")
    return parse_decimal(plain(Decimal(text)))


def _epoch_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the timestamp has no time zone")
    return round(moment.astimezone(UTC).timestamp()) * 1000
