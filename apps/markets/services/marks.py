"""Official marks: the closing or settlement prices of trading days, by which the day's first profit is restated.

Whoever moves a mark moves what every desk has lost today: one person or a feed states what agrees with the feed's own
last price of that day; what is far from it takes two people, as a far FX rate does.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from django.conf import settings

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting, actor_text
from apps.common import decimals, locks, nudges
from apps.common.canonical import digest as digest_of
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Invalid, Refused
from apps.markets import rules, selectors
from apps.markets.models import Instrument, OfficialDay, OfficialMark, OfficialMarkRequest
from apps.markets.services import asking
from apps.markets.states import MarkKind

MARK_MAX = Decimal(10**12)
COLUMNS = ("instrument", "trading_day", "price", "kind", "source")
LINES_MAX = 1_000
LINE_BYTES_MAX = 1_000
SOURCE_CHARS_MAX = 200
TROUBLES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class _Figures:
    """What somebody says of a day."""

    instrument: Instrument
    trading_day: date
    price: Decimal
    kind: str
    source: str


def state_mark(
    *,
    instrument: Instrument,
    trading_day: date,
    price: Decimal | str,
    kind: str,
    source: str,
    actor: User | str,
    reason: str,
) -> OfficialMark:
    """Enter the official price of a day; a later one for the same day corrects it, and equal figures are no new row.

    One person or a feed states what is at most settings.MARK_DEPARTS_PCT from the feed's own last price of that day
    and from what two people agreed on for it; without either, from the mark before. Raises Invalid DECIMAL_MALFORMED,
    OFFICIAL_MARK_RANGE, OFFICIAL_MARK_KIND, OFFICIAL_MARK_DAY; Refused OFFICIAL_MARK_DEPARTS, OFFICIAL_MARK_FIRST.
    """
    said = _figures(instrument, trading_day, price, kind, source)
    with acting(actor, reason):
        _lock([instrument.pk])
        return _enter_alone(said, actor, reason)


def import_marks(*, lines: Iterable[bytes], actor: User | str, reason: str) -> list[OfficialMark]:
    """Enter the marks of a CSV file (UTF-8) with the columns COLUMNS, all of them or none; the marks, one a line.

    Raises Invalid OFFICIAL_MARKS_FILE with `lines`, what is wrong with which line (number, code, message), the first
    TROUBLES_SHOWN of them; a line is refused as `state_mark` refuses it, and OFFICIAL_MARK_TWICE for a day's second.
    """
    read = _Import()
    asked = list(read.figures(lines))
    entered: list[OfficialMark] = []
    with acting(actor, reason):
        _lock({said.instrument.pk for _, said in asked})
        for number, said in asked:
            with read.line(number):
                entered.append(_enter_alone(said, actor, reason))
        read.refuse_trouble()
    return entered


def request_mark(
    *,
    instrument: Instrument,
    trading_day: date,
    price: Decimal | str,
    kind: str,
    source: str,
    actor: User,
    reason: str,
) -> OfficialMarkRequest:
    """Ask for a mark that departs, or for the first of an instrument; a second risk owner of the firm decides.

    Until then it counts for nothing. Raises Forbidden PERSON_NEEDED and Invalid as state_mark.
    """
    asking.require_person(actor)
    said = _figures(instrument, trading_day, price, kind, source)
    asked = OfficialMarkRequest(
        instrument=instrument, trading_day=trading_day, price=said.price, kind=kind, source=source
    )
    with acting(actor, reason):
        _lock([instrument.pk])
        asked.departs_from = next(iter(selectors.mark_measures(instrument, trading_day)), None)
        asking.ask(asked, act="official_mark.stated", digest=_digest(asked), actor=actor, reason=reason)
    return asked


def vote_mark(
    *, request: OfficialMarkRequest, actor: User, approve: bool, reason: str, digest: str
) -> OfficialMarkRequest:
    """Vote on a mark; when granted it is entered in the same transaction.

    Raises what `access.vote` raises; Refused DIGEST_CHANGED when another mark counts than when it was asked for.
    """
    with acting(actor, reason):
        _lock([request.instrument_id])
        row = locks.row(OfficialMarkRequest.objects.select_related("consent", "instrument"), request.pk)
        stands = partial(_digest, row)
        if asking.count_vote(row, actor=actor, approve=approve, reason=reason, digest=digest, stands=stands):
            _apply(row, actor, reason)
    return row


def _apply(row: OfficialMarkRequest, actor: User, reason: str) -> None:
    said = _Figures(row.instrument, row.trading_day, row.price, row.kind, row.source)
    _void_waiting(said, actor, reason)
    row.entry = _enter(said, actor, selectors.counted_mark(row.instrument, row.trading_day))
    row.save(update_fields=["entry"])


def _enter_alone(said: _Figures, actor: User | str, reason: str) -> OfficialMark:
    """Of a locked instrument; the same message twice is one mark."""
    counts = selectors.counted_mark(said.instrument, said.trading_day)
    if counts is not None and (counts.price, counts.kind, counts.source) == (said.price, said.kind, said.source):
        return counts
    _check_alone(said)
    _void_waiting(said, actor, reason)
    return _enter(said, actor, counts)


def _enter(said: _Figures, actor: User | str, counts: OfficialMark | None) -> OfficialMark:
    mark = OfficialMark.objects.create(
        instrument=said.instrument,
        trading_day=said.trading_day,
        revision=1 if counts is None else counts.revision + 1,
        price=said.price,
        kind=said.kind,
        source=said.source,
        stated_by=actor_text(actor),
    )
    # A worker that still has the day's mark before is not the one that lets it go.
    due = {"mark": mark, "due_at": wall_now(), "lease_owner": "", "lease_until": None}
    OfficialDay.objects.update_or_create(instrument=said.instrument, trading_day=said.trading_day, defaults=due)
    before = None if counts is None else {"price": decimals.text_of(counts.price)}
    after = {
        "instrument": said.instrument.symbol,
        "trading_day": said.trading_day.isoformat(),
        "price": decimals.text_of(said.price),
    }
    audit.record("official_mark.stated", mark, scope_id=said.instrument.scope_id, before=before, after=after)
    nudges.wake("execution.restate_days")
    nudges.hint("limits")
    return mark


def _check_alone(said: _Figures) -> None:
    """What nobody alone may state: what is far from what is known, or has nothing to be measured by."""
    measures = selectors.mark_measures(said.instrument, said.trading_day)
    if not measures:
        raise Refused(
            "OFFICIAL_MARK_FIRST",
            f"the first mark of {said.instrument} has nothing to be measured by: a person asks for it, and another "
            "risk owner of the firm decides",
        )
    for known in measures:
        if rules.departs(said.price, known, settings.MARK_DEPARTS_PCT):
            raise Refused(
                "OFFICIAL_MARK_DEPARTS",
                f"{decimals.text_of(said.price)} is more than {settings.MARK_DEPARTS_PCT} % away from "
                f"{decimals.text_of(known)}: check the digits; if they are right, a person asks for it, and another "
                "risk owner of the firm decides",
                known=decimals.text_of(known),
            )


def _digest(asked: OfficialMarkRequest) -> str:
    """What the voters consent to: the mark, what it was measured by, and what counts instead of it."""
    counts = selectors.counted_mark(asked.instrument, asked.trading_day)
    return digest_of(
        {
            "instrument": str(asked.instrument_id),
            "trading_day": asked.trading_day.isoformat(),
            "price": decimals.text_of(asked.price),
            "kind": asked.kind,
            "source": asked.source,
            "departs_from": None if asked.departs_from is None else decimals.text_of(asked.departs_from),
            "counts": None if counts is None else str(counts.pk),
        }
    )


def _void_waiting(said: _Figures, actor: User | str, reason: str) -> None:
    """What was asked for before was asked for instead of another mark than the one that counts from now on."""
    waiting = selectors.waiting_marks().filter(instrument=said.instrument, trading_day=said.trading_day)
    asking.void(waiting, actor=actor, reason=f"another mark was stated: {reason}")


def _lock(instrument_ids: Iterable[UUID]) -> None:
    """One statement of an instrument at a time: each is measured by what the one before made count."""
    locks.exclusive([uuid5(NAMESPACE_OID, f"mark:{pk}") for pk in instrument_ids])


def _figures(instrument: Instrument, trading_day: date, price: Decimal | str, kind: str, source: str) -> _Figures:
    exact = decimals.parse(price, "price")
    if not 1 / MARK_MAX <= exact <= MARK_MAX:
        raise Invalid("OFFICIAL_MARK_RANGE", "a mark is between 10⁻¹² and 10¹²: check the digits", field="price")
    if kind not in MarkKind.values:
        raise Invalid("OFFICIAL_MARK_KIND", f"the kind is one of {', '.join(MarkKind.values)}", field="kind")
    reached = selectors.reached_day(instrument)
    if trading_day > reached:
        raise Invalid(
            "OFFICIAL_MARK_DAY", f"{instrument} has only reached {reached}: name a day that was", field="trading_day"
        )
    return _Figures(instrument, trading_day, exact, kind, source)


class _Import:
    """The lines of a file, and what is wrong with them."""

    def __init__(self) -> None:
        self.troubles: list[dict[str, Any]] = []
        self.known: dict[str, Instrument | None] = {}
        self.seen: set[tuple[UUID, date]] = set()

    def line(self, number: int) -> "_Line":
        """Collects what is refused inside it."""
        return _Line(self.troubles, number)

    def figures(self, lines: Iterable[bytes]) -> Iterator[tuple[int, _Figures]]:
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
        """Raise what was collected; nothing of the file stays entered."""
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

    def _figures(self, header: list[str], row: list[str]) -> _Figures:
        if len(row) != len(header):
            raise Invalid("OFFICIAL_MARK_COLUMNS", f"{len(header)} values are needed, and there are {len(row)}")
        said = dict(zip(header, (value.strip() for value in row), strict=True))
        if not said["source"] or len(said["source"]) > SOURCE_CHARS_MAX:
            raise Invalid("OFFICIAL_MARK_SOURCE", f"say where it is from, in {SOURCE_CHARS_MAX} characters at most")
        instrument = self._instrument(said["instrument"])
        found = _figures(instrument, _day(said["trading_day"]), said["price"], said["kind"], said["source"])
        if (instrument.pk, found.trading_day) in self.seen:
            raise Invalid("OFFICIAL_MARK_TWICE", "the file states this day of the instrument twice")
        self.seen.add((instrument.pk, found.trading_day))
        return found

    def _instrument(self, symbol: str) -> Instrument:
        if symbol not in self.known:
            self.known[symbol] = Instrument.objects.filter(symbol=symbol).first()
        found = self.known[symbol]
        if found is None:
            raise Invalid("OFFICIAL_MARK_INSTRUMENT", f"there is no instrument {symbol[:40]!r}")
        return found


class _Line:
    """One line's work; what it is refused for is kept instead of raised."""

    def __init__(self, troubles: list[dict[str, Any]], number: int) -> None:
        self.troubles, self.number = troubles, number

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> bool:
        """Keep a refusal."""
        if not isinstance(error, DomainError):
            return False
        self.troubles.append({"line": self.number, "code": error.code, "message": error.message})
        return True


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
