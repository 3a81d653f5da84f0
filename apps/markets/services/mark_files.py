"""Files of official marks: CSV of which all lines are entered, or none."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from operator import itemgetter
from typing import Any
from uuid import UUID

from apps.access.models import User
from apps.audit.context import acting
from apps.common.errors import DomainError, Invalid
from apps.markets import selectors
from apps.markets.models import Instrument, OfficialMark
from apps.markets.services import marks

COLUMNS = ("instrument", "trading_day", "price", "kind", "source")
LINES_MAX = 1_000
LINE_BYTES_MAX = 1_000
# The header is a line too.
MARK_FILE_BYTES_MAX = (LINES_MAX + 1) * LINE_BYTES_MAX
SOURCE_CHARS_MAX = 200
TROUBLES_SHOWN = 50


def import_marks(*, lines: Iterable[bytes], actor: User | str, reason: str) -> list[OfficialMark]:
    """Enter the marks of a CSV file (UTF-8) with the columns COLUMNS, all of them or none; the marks, one a line.

    Raises Invalid OFFICIAL_MARKS_FILE with `lines`, what is wrong with which line (number, code, message), the first
    TROUBLES_SHOWN of them; a line is refused as `state_mark` refuses it, and OFFICIAL_MARK_TWICE for a day's second.
    """
    read = _Import()
    asked = list(read.figures(lines))
    with acting(actor, reason):
        marks.lock({said.instrument.pk for _, said in asked})
        checked = []
        for number, said in asked:
            with read.line(number):
                checked.append((said, marks.checked(said)))
        read.refuse_trouble()
        return marks.enter_alone(checked, actor, reason)


class _Import:
    """The lines of a file, and what is wrong with them."""

    def __init__(self) -> None:
        self.troubles: list[dict[str, Any]] = []
        self.known: dict[str, tuple[Instrument, date] | None] = {}
        self.seen: set[tuple[UUID, date]] = set()

    @contextmanager
    def line(self, number: int) -> Iterator[None]:
        """One line's work; what it is refused for is kept instead of raised."""
        try:
            yield
        except DomainError as error:
            self.troubles.append({"line": number, "code": error.code, "message": error.message})

    def figures(self, lines: Iterable[bytes]) -> Iterator[tuple[int, marks.Figures]]:
        """What each line says, with its number; the header is line 1."""
        reader = csv.reader(_bounded(lines), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if sorted(header) != sorted(COLUMNS):
                raise Invalid("OFFICIAL_MARKS_HEADER", f"the first line names the columns: {','.join(COLUMNS)}")
            for row in reader:
                found = None
                with self.line(reader.line_num):
                    found = self._figures(header, row)
                if found is not None:
                    yield reader.line_num, found
        except (csv.Error, UnicodeDecodeError) as error:
            raise Invalid("OFFICIAL_MARKS_MALFORMED", f"line {reader.line_num + 1} is no CSV: {error}") from error

    def refuse_trouble(self) -> None:
        """Raise what was collected; nothing of the file is entered."""
        if not self.troubles:
            return
        self.troubles.sort(key=itemgetter("line"))
        first = self.troubles[0]
        raise Invalid(
            "OFFICIAL_MARKS_FILE",
            f"{len(self.troubles)} lines are refused and nothing was entered; line {first['line']}: {first['code']}, "
            f"{first['message']}",
            lines=self.troubles[:TROUBLES_SHOWN],
        )

    def _figures(self, header: list[str], row: list[str]) -> marks.Figures:
        if len(row) != len(header):
            raise Invalid("OFFICIAL_MARK_COLUMNS", f"{len(header)} values are needed, and there are {len(row)}")
        said = dict(zip(header, (value.strip() for value in row), strict=True))
        if not said["source"] or len(said["source"]) > SOURCE_CHARS_MAX:
            raise Invalid("OFFICIAL_MARK_SOURCE", f"say where it is from, in {SOURCE_CHARS_MAX} characters at most")
        instrument, reached = self._instrument(said["instrument"])
        day = _day(said["trading_day"])
        found = marks.figures(instrument, day, said["price"], said["kind"], said["source"], reached)
        if (instrument.pk, day) in self.seen:
            raise Invalid("OFFICIAL_MARK_TWICE", "the file states this day of the instrument twice")
        self.seen.add((instrument.pk, day))
        return found

    def _instrument(self, symbol: str) -> tuple[Instrument, date]:
        """The instrument and the trading day that it has reached, both asked for once."""
        if symbol not in self.known:
            found = Instrument.objects.filter(symbol=symbol).first()
            self.known[symbol] = None if found is None else (found, selectors.reached_day(found))
        known = self.known[symbol]
        if known is None:
            raise Invalid("OFFICIAL_MARK_INSTRUMENT", f"there is no instrument {symbol[:40]!r}")
        return known


def _bounded(lines: Iterable[bytes]) -> Iterator[str]:
    """The lines as text, up to LINES_MAX after the header and none too long."""
    for number, line in enumerate(lines):
        if number > LINES_MAX or len(line) > LINE_BYTES_MAX:
            raise Invalid(
                "OFFICIAL_MARKS_TOO_LONG", f"a file has at most {LINES_MAX} lines of {LINE_BYTES_MAX} bytes: split it"
            )
        yield line.decode("utf-8-sig" if number == 0 else "utf-8")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("OFFICIAL_MARK_DAY", "write the day as YYYY-MM-DD", field="trading_day") from None
