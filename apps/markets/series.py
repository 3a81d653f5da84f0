"""The bars of frozen files: verified once a process, kept, and searched by the end of a bar."""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from quarterdeck.bars import parse_bars
from quarterdeck.events import Bar

from apps.common.errors import Invalid, NotFound, Refused
from apps.markets import calendars
from apps.markets.models import Dataset, Instrument

SERIES_MAX = 16
UPLOADED = re.compile(r"[0-9a-f]{64}\.csv")


@dataclass(frozen=True, slots=True)
class Series:
    """Bars in order, with the ends of all of them for bisection."""

    bars: tuple[Bar, ...]
    ends: tuple[int, ...]

    def complete(self, market_ms: int) -> int:
        """How many bars exist at a market time."""
        return bisect_right(self.ends, market_ms)

    def between(self, after_ms: int, until_ms: int, limit: int | None = None) -> Sequence[Bar]:
        """Bars with after < end <= until, oldest first, at most `limit` of them."""
        first, last = self.complete(after_ms), self.complete(until_ms)
        return self.bars[first : last if limit is None else min(last, first + limit)]


def path_of(file_name: str) -> Path:
    """Where a dataset's file lies: uploads, which are named by their digest, in a folder of their own.

    Raises Invalid DATASET_FILE_NAME for anything but a plain name, NotFound DATASET_FILE_MISSING.
    """
    if not file_name or Path(file_name).name != file_name or file_name.startswith("."):
        raise Invalid("DATASET_FILE_NAME", "name a file of the dataset folder, without a path", field="file_name")
    root = settings.DATASET_UPLOAD_ROOT if UPLOADED.fullmatch(file_name) else settings.DATASET_ROOT
    path = Path(root) / file_name
    if not path.is_file():
        raise NotFound("DATASET_FILE_MISSING", f"{file_name} is not in the dataset folder")
    return path


def read_file(file_name: str) -> bytes:
    """The bytes of a dataset's file; raises what `path_of` raises."""
    return path_of(file_name).read_bytes()


def parse(content: bytes, symbol: str, interval_ms: int) -> Series:
    """The series that a CSV file spells; Invalid DATASET_ROW_INVALID names the first bad line."""
    try:
        bars = tuple(parse_bars(content.decode("utf-8").splitlines(), symbol, interval_ms))
    except (UnicodeDecodeError, ValueError) as error:
        raise Invalid("DATASET_ROW_INVALID", f"the file is not a series of bars: {error}") from error
    if not bars:
        raise Invalid("DATASET_EMPTY", "the file has no bars")
    return Series(bars, tuple(bar.end_ms for bar in bars))


def series_of(dataset: Dataset) -> Series:
    """The bars of a frozen dataset, those of extended hours marked; Refused DATASET_CHANGED for another file."""
    symbol, calendar = _named(dataset.instrument_id)
    return _load(dataset.file_name, dataset.sha256, symbol, dataset.interval_ms, calendar)


@lru_cache(maxsize=SERIES_MAX)
def _named(instrument_id: UUID) -> tuple[str, str]:
    """The symbol and the calendar of an instrument, which never change: frozen bars follow from them."""
    return Instrument.objects.values_list("symbol", "session_calendar").get(pk=instrument_id)


@lru_cache(maxsize=SERIES_MAX)
def _load(file_name: str, sha256: str, symbol: str, interval_ms: int, calendar: str) -> Series:
    content = read_file(file_name)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Refused("DATASET_CHANGED", f"{file_name} is not the file that was frozen: restore it")
    return marked(parse(content, symbol, interval_ms), calendar)


def marked(series: Series, calendar: str) -> Series:
    """The series with the bars marked that lie wholly before or after their day's regular session."""
    days = calendars.extended_days(calendar, series.bars[0].start_ms, series.ends[-1])
    if not days:
        return series
    starts = [day.starts_ms for day in days]
    bars = (
        bar._replace(is_extended=_is_outside(bar, days[bisect_right(starts, bar.start_ms) - 1])) for bar in series.bars
    )
    return Series(tuple(bars), series.ends)


def _is_outside(bar: Bar, day: calendars.ExtendedDay) -> bool:
    is_before = day.starts_ms <= bar.start_ms and bar.end_ms <= day.opens_ms
    return is_before or (day.closes_ms <= bar.start_ms < day.ends_ms)
