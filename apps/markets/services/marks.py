"""Official marks: the closing or settlement prices of trading days, by which the day's first profit is restated.

Whoever moves a mark moves what every desk has lost today: one person or a feed states what agrees with the feed's own
last price of that day; what is far from it takes two people, as a far FX rate does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from uuid import NAMESPACE_OID, UUID, uuid5

from django.conf import settings

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting, actor_text
from apps.common import decimals, locks, nudges
from apps.common.canonical import digest as digest_of
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused
from apps.markets import rules, selectors
from apps.markets.models import Instrument, OfficialDay, OfficialMark, OfficialMarkRequest
from apps.markets.services import asking
from apps.markets.states import MarkKind

MARK_MAX = Decimal(10**12)


@dataclass(frozen=True, slots=True)
class Figures:
    """What somebody says of a day, and the feed's own last price of it."""

    instrument: Instrument
    trading_day: date
    price: Decimal
    kind: str
    source: str
    feed_price: Decimal | None


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
    and from what two people agreed on for it; nothing without either. Raises Invalid DECIMAL_MALFORMED,
    OFFICIAL_MARK_RANGE, OFFICIAL_MARK_KIND, OFFICIAL_MARK_DAY; Refused OFFICIAL_MARK_DEPARTS, OFFICIAL_MARK_FIRST.
    """
    said = figures(instrument, trading_day, price, kind, source)
    with acting(actor, reason):
        lock([instrument.pk])
        return enter_alone([(said, checked(said))], actor, reason)[0]


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
    """Ask for a mark that departs, or that nothing measures; a second risk owner of the firm decides.

    Until then it counts for nothing. Raises Forbidden PERSON_NEEDED and Invalid as state_mark.
    """
    asking.require_person(actor)
    said = figures(instrument, trading_day, price, kind, source)
    asked = OfficialMarkRequest(
        instrument=instrument, trading_day=trading_day, price=said.price, kind=kind, source=source
    )
    with acting(actor, reason):
        lock([instrument.pk])
        asked.departs_from = _furthest(said)
        asking.ask(asked, act="official_mark.stated", digest=_digest(asked), actor=actor, reason=reason)
    return asked


def vote_mark(
    *, request: OfficialMarkRequest, actor: User, approve: bool, reason: str, digest: str
) -> OfficialMarkRequest:
    """Vote on a mark; when granted it is entered in the same transaction.

    Raises what `access.vote` raises; Refused DIGEST_CHANGED when another mark counts than when it was asked for.
    """
    with acting(actor, reason):
        lock([request.instrument_id])
        row = locks.row(OfficialMarkRequest.objects.select_related("consent", "instrument"), request.pk)
        stands = partial(_digest, row)
        if asking.count_vote(row, actor=actor, approve=approve, reason=reason, digest=digest, stands=stands):
            _apply(row, actor, reason)
    return row


def _apply(row: OfficialMarkRequest, actor: User, reason: str) -> None:
    feed_price = selectors.day_price(row.instrument, row.trading_day)
    said = Figures(row.instrument, row.trading_day, row.price, row.kind, row.source, feed_price)
    _void_waiting(said, actor, reason)
    row.entry = _enter(said, actor, selectors.counted_mark(row.instrument, row.trading_day))
    row.save(update_fields=["entry"])
    _tell()


def checked(said: Figures) -> OfficialMark | None:
    """What counts for the day of a locked instrument; refuses what nobody alone may state instead of it."""
    counts = selectors.counted_mark(said.instrument, said.trading_day)
    if not _is_known(said, counts):
        _check_alone(said)
    return counts


def enter_alone(
    asked: Sequence[tuple[Figures, OfficialMark | None]], actor: User | str, reason: str
) -> list[OfficialMark]:
    """Enter what was checked, each instead of what counts for its day; the same message twice is one mark."""
    marks = []
    for said, counts in asked:
        if counts is None or not _is_known(said, counts):
            _void_waiting(said, actor, reason)
            counts = _enter(said, actor, counts)
        marks.append(counts)
    _tell()
    return marks


def _is_known(said: Figures, counts: OfficialMark | None) -> bool:
    told = None if counts is None else (counts.price, counts.kind, counts.source)
    return told == (said.price, said.kind, said.source)


def _enter(said: Figures, actor: User | str, counts: OfficialMark | None) -> OfficialMark:
    mark = OfficialMark.objects.create(
        instrument=said.instrument,
        trading_day=said.trading_day,
        revision=1 if counts is None else counts.revision + 1,
        price=said.price,
        kind=said.kind,
        source=said.source,
        feed_price=said.feed_price,
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
    return mark


def _tell() -> None:
    """Once for all that was entered together."""
    nudges.wake("execution.restate_days")
    nudges.hint("limits")


def _check_alone(said: Figures) -> None:
    """What nobody alone may state: what is far from what is known, or has nothing to be measured by."""
    known = _furthest(said)
    if known is None:
        raise Refused(
            "OFFICIAL_MARK_FIRST",
            f"no feed delivered a price of {said.instrument} on {said.trading_day}, and nothing is agreed on for that "
            "day: a person asks for the mark, and another risk owner of the firm decides",
        )
    if rules.departs(said.price, known, settings.MARK_DEPARTS_PCT):
        raise Refused(
            "OFFICIAL_MARK_DEPARTS",
            f"{decimals.text_of(said.price)} is more than {settings.MARK_DEPARTS_PCT} % away from "
            f"{decimals.text_of(known)}: check the digits; if they are right, a person asks for it, and another "
            "risk owner of the firm decides",
            known=decimals.text_of(known),
        )


def _furthest(said: Figures) -> Decimal | None:
    """What the price is measured by: of all that is known of the day, what is furthest away by ratio."""
    known = selectors.mark_measures(said.instrument, said.trading_day, said.feed_price)
    return max(known, key=lambda one: max(one, said.price) / min(one, said.price), default=None)


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


def _void_waiting(said: Figures, actor: User | str, reason: str) -> None:
    """What was asked for before was asked for instead of another mark than the one that counts from now on."""
    waiting = selectors.waiting_marks().filter(instrument=said.instrument, trading_day=said.trading_day)
    asking.void(waiting, actor=actor, reason=f"another mark was stated: {reason}")


def lock(instrument_ids: Iterable[UUID]) -> None:
    """One statement of an instrument at a time: each is measured by what the one before made count."""
    locks.exclusive([uuid5(NAMESPACE_OID, f"mark:{pk}") for pk in instrument_ids])


def figures(
    instrument: Instrument,
    trading_day: date,
    price: Decimal | str,
    kind: str,
    source: str,
    reached: date | None = None,
) -> Figures:
    """What is said of a day, checked by itself; who knows the day that the instrument has reached gives it."""
    exact = decimals.parse(price, "price")
    if not 1 / MARK_MAX <= exact <= MARK_MAX:
        raise Invalid("OFFICIAL_MARK_RANGE", "a mark is between 10⁻¹² and 10¹²: check the digits", field="price")
    if kind not in MarkKind.values:
        raise Invalid("OFFICIAL_MARK_KIND", f"the kind is one of {', '.join(MarkKind.values)}", field="kind")
    reached = reached or selectors.reached_day(instrument)
    if trading_day > reached:
        raise Invalid(
            "OFFICIAL_MARK_DAY", f"{instrument} has only reached {reached}: name a day that was", field="trading_day"
        )
    feed_price = selectors.day_price(instrument, trading_day)
    return Figures(instrument, trading_day, exact, kind, source, feed_price)
