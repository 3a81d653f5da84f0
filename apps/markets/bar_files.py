"""Files of bars that people upload: read line by line, every bad line named, nothing guessed and nothing left out."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from quarterdeck.bars import COLUMNS, check_bar, parse_bar
from quarterdeck.calendars import ALWAYS_OPEN, HOUR_MS
from quarterdeck.events import Bar

from apps.common.errors import Invalid

LINE_BYTES_MAX = 1_000
TROUBLES_SHOWN = 100
FIELDS = len(COLUMNS)
# ISO 8601 with a zone; fractions of a second only where they are none.
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.0{1,9})?)?(Z|[+-]\d\d:\d\d)")
FOREIGN_STARTS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
PLAIN = re.compile(rb"[\x20-\x7e]*")
ReadLine = Callable[[int], bytes]


class LineError(Exception):
    """What is wrong with one line."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class BarFile:
    """Reads one file; afterwards `troubles` lists what is wrong with which line, and `zone` how it writes times.

    `until_ms`: no bar ends later, since nothing of the future is known.
    """

    symbol: str
    interval_ms: int
    calendar: str
    rows_max: int
    until_ms: int
    zone: str = ""
    trouble_count: int = 0
    troubles: list[dict[str, Any]] = field(default_factory=list)
    _first_ms: int | None = None
    _last: Bar | None = None

    def bars(self, read_line: ReadLine) -> Iterator[Bar]:
        """The good bars, in order. Raises Invalid for what is no file of bars at all, or has too many lines."""
        self._header(read_line(LINE_BYTES_MAX + 1))
        number = 1
        while line := read_line(LINE_BYTES_MAX + 1):
            number += 1
            if number > self.rows_max + 1:
                raise Invalid("DATASET_TOO_LONG", f"a file has at most {self.rows_max} rows: split it")
            try:
                yield self._bar(line, read_line)
            except LineError as error:
                self.trouble_count += 1
                if len(self.troubles) < TROUBLES_SHOWN:
                    self.troubles.append({"line": number, "code": error.code, "message": error.message})

    def refuse_trouble(self) -> None:
        """Raise Invalid DATASET_FILE when a line was bad, DATASET_EMPTY when there was no bar."""
        if self.troubles:
            first = self.troubles[0]
            raise Invalid(
                "DATASET_FILE",
                f"{self.trouble_count} lines are bad and nothing was stored; line {first['line']}: {first['code']}, "
                f"{first['message']}",
                lines=self.troubles,
                bad_lines=self.trouble_count,
            )
        if self._last is None:
            raise Invalid("DATASET_EMPTY", "the file has no bars")

    def _header(self, line: bytes) -> None:
        if line.startswith(FOREIGN_STARTS) or b"\0" in line:
            raise Invalid("DATASET_ENCODING", "line 1: the file is UTF-16 or has a byte order mark: save it as UTF-8")
        if line.rstrip(b"\r\n") != ",".join(COLUMNS).encode():
            raise Invalid("DATASET_HEADER", f"line 1 names the columns: {','.join(COLUMNS)}")

    def _bar(self, line: bytes, read_line: ReadLine) -> Bar:
        if len(line) > LINE_BYTES_MAX:
            while line and not line.endswith(b"\n"):
                line = read_line(LINE_BYTES_MAX + 1)
            raise LineError("BAR_LINE_TOO_LONG", f"a line has at most {LINE_BYTES_MAX} bytes")
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        if not PLAIN.fullmatch(line):
            raise LineError("BAR_ENCODING", "only digits, signs and letters of ASCII are expected")
        fields = line.decode("ascii").split(",")
        if len(fields) != FIELDS:
            raise LineError("BAR_COLUMNS", f"{FIELDS} values are needed, and there are {len(fields)}")
        bar = self._parsed(fields)
        self._check_place(bar)
        self._last = bar
        return bar

    def _parsed(self, fields: list[str]) -> Bar:
        shape = TIMESTAMP.fullmatch(fields[0])
        if shape is None:
            raise LineError("BAR_TIME", f"write the start as 2024-01-01T00:00:00Z, not {fields[0]!r:.40}")
        self._check_zone("UTC" if shape[3] in ("Z", "+00:00", "-00:00") else shape[3])
        try:
            bar = parse_bar(fields, self.symbol, self.interval_ms)
        except (ValueError, OverflowError) as error:
            raise LineError("BAR_FIGURE", str(error)) from None
        try:
            check_bar(bar)
        except ValueError as error:
            raise LineError("BAR_PRICES", str(error)) from None
        return bar

    def _check_zone(self, zone: str) -> None:
        self.zone = self.zone or zone
        if zone != self.zone:
            raise LineError("BAR_ZONE", f"the time is in {zone}, those before in {self.zone}: write all in one zone")

    def _check_place(self, bar: Bar) -> None:
        """After the bar before, on the grid that the first bar begins, and not in the future."""
        if bar.end_ms > self.until_ms:
            raise LineError("BAR_FUTURE", "the bar ends in the future")
        if self._first_ms is None:
            self._first_ms = bar.start_ms
        # Sessions move by an hour against UTC with the summer time of their exchange.
        grid_ms = self.interval_ms if self.calendar == ALWAYS_OPEN else min(self.interval_ms, HOUR_MS)
        if (bar.start_ms - self._first_ms) % grid_ms:
            raise LineError("BAR_GRID", f"the bar does not start a whole number of {grid_ms} ms after the first one")
        if self._last is None:
            return
        if bar.start_ms == self._last.start_ms:
            raise LineError("BAR_DUPLICATE", "the bar before starts at the same time")
        if bar.start_ms < self._last.end_ms:
            raise LineError("BAR_ORDER", "the bar starts before the one before it has ended")
