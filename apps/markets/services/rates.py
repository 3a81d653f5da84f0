"""FX rates: one person or a feed moves a rate a little, two people move it further, and none holds for long.

Every figure in base currency is judged with them, for all desks: a rate that is too low lets all of them have more on.
"""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import NAMESPACE_OID, uuid5

from django.conf import settings

from apps.access import selectors as firms
from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import decimals, locks
from apps.common.canonical import digest as digest_of
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused
from apps.common.nudges import hint
from apps.markets import rules, selectors
from apps.markets.models import FxRate, FxRateRequest
from apps.markets.services import asking

CURRENCY = re.compile(r"[A-Z0-9]{2,12}")
# Beyond this the inverse of a rate keeps too few of its 18 places, down to none: all would seem to be worth nothing.
RATE_MAX = Decimal(10**12)


def set_fx_rate(
    *,
    base: str,
    quote: str,
    rate: Decimal | str,
    valid_until: datetime,
    source: str,
    actor: User | str,
    reason: str,
    valid_from: datetime | None = None,
) -> FxRate:
    """Enter how many `quote` one `base` is worth between two wall times, from now on without `valid_from`.

    The entry that starts last counts, of two with one start the one entered last. One person or a feed moves a pair by
    at most settings.FX_RATE_DEPARTS_PCT, in a day too, from the rate that counts, stale or not, directly or through the
    inverse pair. The first rate of a pair lets orders open that were refused before, as a first limit does: whatever is
    quoted in it, it takes two. Raises Invalid DECIMAL_MALFORMED, FX_RATE_NOT_POSITIVE, FX_RATE_RANGE, FX_RATE_CURRENCY,
    FX_RATE_PAIR or FX_RATE_PERIOD; Refused FX_RATE_DEPARTS, FX_RATE_FIRST.
    """
    exact, starts_at = _rate(rate), valid_from or wall_now()
    _check_pair(base, quote)
    _check_period(starts_at, valid_until)
    with acting(actor, reason):
        _lock_pair(base, quote)
        _check_alone(base, quote, exact)
        _void_waiting(base, quote, actor, reason)
        return _enter(base, quote, exact, starts_at, valid_until, source)


def request_fx_rate(
    *,
    base: str,
    quote: str,
    rate: Decimal | str,
    valid_until: datetime,
    source: str,
    actor: User,
    reason: str,
    valid_from: datetime | None = None,
) -> FxRateRequest:
    """Ask for the first rate of a pair, or for one far from what counts; a second risk owner of the firm decides.

    Until then it counts for nothing; without `valid_from` it starts with the vote. Raises Forbidden PERSON_NEEDED and
    Invalid as set_fx_rate.
    """
    asking.require_person(actor)
    exact, now = _rate(rate), wall_now()
    _check_pair(base, quote)
    _check_period(valid_from or now, valid_until)
    asked = FxRateRequest(
        base=base, quote=quote, rate=exact, valid_from=valid_from, valid_until=valid_until, source=source
    )
    with acting(actor, reason):
        _lock_pair(base, quote)
        asked.departs_from = selectors.last_rate(base, quote, now)
        digest = _digest(asked, asked.departs_from)
        asking.ask(asked, act="fx_rate.set", digest=digest, actor=actor, reason=reason, until=valid_until)
    return asked


def vote_fx_rate(*, request: FxRateRequest, actor: User, approve: bool, reason: str, digest: str) -> FxRateRequest:
    """Vote on a rate; when granted it is entered in the same transaction.

    Raises what `access.vote` raises; Refused DIGEST_CHANGED when another rate counts than when it was asked for.
    """
    with acting(actor, reason):
        _lock_pair(request.base, request.quote)
        row = locks.row(FxRateRequest.objects.select_related("consent"), request.pk)
        stands = partial(_standing_digest, row)
        if asking.count_vote(row, actor=actor, approve=approve, reason=reason, digest=digest, stands=stands):
            _apply(row, actor, reason)
    return row


def _apply(row: FxRateRequest, actor: User, reason: str) -> None:
    _void_waiting(row.base, row.quote, actor, reason)
    starts_at = row.valid_from or wall_now()
    row.entry = _enter(row.base, row.quote, row.rate, starts_at, row.valid_until, row.source)
    row.save(update_fields=["entry"])


def _enter(base: str, quote: str, rate: Decimal, starts_at: datetime, valid_until: datetime, source: str) -> FxRate:
    entry = FxRate.objects.create(
        base=base, quote=quote, rate=rate, valid_from=starts_at, valid_until=valid_until, source=source
    )
    after = {"pair": f"{base}/{quote}", "rate": decimals.text_of(rate), "valid_until": valid_until.isoformat()}
    audit.record("fx_rate.set", entry, scope_id=firms.firm().scope.pk, after=after)
    hint("limits")
    return entry


def _standing_digest(asked: FxRateRequest) -> str:
    return _digest(asked, selectors.last_rate(asked.base, asked.quote, wall_now()))


def _digest(asked: FxRateRequest, counts: Decimal | None) -> str:
    """What the voters consent to: the rate, from when until when, by whom, and what counts instead of it."""
    return digest_of(
        {
            "base": asked.base,
            "quote": asked.quote,
            "rate": decimals.text_of(asked.rate),
            "from": None if asked.valid_from is None else asked.valid_from.isoformat(),
            "until": asked.valid_until.isoformat(),
            "source": asked.source,
            "counts": None if counts is None else decimals.text_of(counts),
        }
    )


def _check_alone(base: str, quote: str, rate: Decimal) -> None:
    """What counts, and what counted a day ago: many small steps of one person are not a large one."""
    now = wall_now()
    counts = selectors.last_rate(base, quote, now)
    if counts is None:
        raise Refused(
            "FX_RATE_FIRST",
            f"the first rate from {base} to {quote} has nothing to be measured by: a person asks for it, and another "
            "risk owner of the firm decides",
        )
    for known in (counts, selectors.settled_rate(base, quote, now)):
        if known is not None and rules.departs(rate, known, settings.FX_RATE_DEPARTS_PCT):
            raise Refused(
                "FX_RATE_DEPARTS",
                f"{decimals.text_of(rate)} is more than {settings.FX_RATE_DEPARTS_PCT} % away from "
                f"{decimals.text_of(known)}: check the digits; if they are right, a person asks for it, and another "
                "risk owner of the firm decides",
                counts=decimals.text_of(known),
            )


def _void_waiting(base: str, quote: str, actor: User | str, reason: str) -> None:
    """What was asked for before was asked for instead of another rate than the one that counts from now on."""
    waiting = selectors.waiting_rates().filter(selectors.of_pair(base, quote))
    asking.void(waiting, actor=actor, reason=f"another rate was entered: {reason}")


def _lock_pair(base: str, quote: str) -> None:
    """One change of a pair at a time, whichever way round: each is measured by what the one before made count."""
    locks.exclusive([uuid5(NAMESPACE_OID, "fx:" + "/".join(sorted((base, quote))))])


def _rate(value: Decimal | str) -> Decimal:
    exact = decimals.parse(value, "rate")
    if exact <= 0:
        raise Invalid("FX_RATE_NOT_POSITIVE", "a rate is above zero", field="rate")
    if not 1 / RATE_MAX <= exact <= RATE_MAX:
        raise Invalid("FX_RATE_RANGE", "a rate is between 10⁻¹² and 10¹²: check the digits", field="rate")
    return exact


def _check_pair(base: str, quote: str) -> None:
    for field, code in (("base", base), ("quote", quote)):
        if not CURRENCY.fullmatch(code):
            raise Invalid("FX_RATE_CURRENCY", f"{field} is a currency's code such as EUR, in capitals", field=field)
    if base == quote:
        raise Invalid("FX_RATE_PAIR", "a currency is always worth itself", field="quote")


def _check_period(starts_at: datetime, valid_until: datetime) -> None:
    days = settings.FX_RATE_VALID_MAX_D
    if valid_until <= starts_at:
        raise Invalid("FX_RATE_PERIOD", "a rate ends after it starts", field="valid_until")
    if valid_until > wall_now() + timedelta(days=days):
        raise Invalid(
            "FX_RATE_PERIOD",
            f"a rate ends at most {days} days from now: choose an earlier end, and enter a current one before it",
            field="valid_until",
        )
