"""The circuit breaker of a venue: unanswered calls in a row open it, the first answer closes it.

The row in the database is the truth; each process reads it at most once a second and writes it only when
something changed, so that a venue that answers costs no statement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F

from apps.alerts import selectors as alerted
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit.context import acting, job
from apps.common.clocks import wall_now
from apps.markets import selectors as markets
from apps.venues.models import Venue, VenueHealth
from apps.venues.states import CircuitState

ACTOR = job("venues")
FAILURES_MAX = 5
PROBE_S_MAX = 10.0
KNOWN_FOR = timedelta(seconds=1)
# For so long maintenance excuses an outage: whoever holds anything there cannot get out meanwhile.
EXPECTED_H = 4


@dataclass(frozen=True, slots=True)
class Known:
    """What this process knows of a venue's circuit, and since when."""

    is_open: bool
    failures: int
    probe_at: datetime | None
    read_at: datetime


_known: dict[UUID, Known] = {}


def is_open(venue: Venue) -> bool:
    """Whether the venue does not answer, as of at most a second ago."""
    return _look(venue.pk).is_open


def may_probe(venue: Venue) -> bool:
    """Whether this call may try an open circuit: one call per back-off does, of all processes."""
    now = wall_now()
    known = _look(venue.pk)
    if not known.is_open:
        return True
    if known.probe_at is not None and known.probe_at > now:
        return False
    due = VenueHealth.objects.filter(venue=venue, state=CircuitState.OPEN, probe_at__lte=now)
    is_ours = due.update(probe_at=now + timedelta(seconds=_back_off_s(known.failures))) == 1
    forget(venue.pk)
    return is_ours


def probe_in_s(venue: Venue) -> float:
    """Seconds until the next probe of an open circuit."""
    known = _look(venue.pk)
    left_s = 0.0 if known.probe_at is None else (known.probe_at - wall_now()).total_seconds()
    return min(PROBE_S_MAX, max(0.1, left_s))


def answered(venue: Venue) -> None:
    """The venue answered: close its circuit and clear the alert, where there is anything to close."""
    known = _look(venue.pk)
    if not known.is_open and known.failures == 0:
        return
    with acting(ACTOR, "the venue answers"):
        row = VenueHealth.objects.select_for_update().get(venue=venue)
        was_open = row.state == CircuitState.OPEN
        VenueHealth.objects.filter(pk=row.pk).update(
            state=CircuitState.CLOSED, failures=0, opened_at=None, probe_at=None
        )
        if was_open:
            alerts.clear(dedup_key=_key(venue), actor=ACTOR, reason=f"{venue} answers again")
    forget(venue.pk)


def unanswered(venue: Venue) -> None:
    """A call had no answer; the last one of FAILURES_MAX in a row opens the circuit and raises VENUE_OUTAGE.

    While the venue is in maintenance that was announced before, that is expected for EXPECTED_H at most, and only told;
    a venue that is not heard after that is critical.
    """
    with acting(ACTOR, "no answer from the venue"):
        VenueHealth.objects.bulk_create([VenueHealth(venue=venue)], ignore_conflicts=True)
        row = VenueHealth.objects.select_for_update().get(venue=venue)
        row.failures += 1
        VenueHealth.objects.filter(pk=row.pk).update(failures=F("failures") + 1)
        if row.state == CircuitState.CLOSED and row.failures >= FAILURES_MAX:
            _open(venue, row)
        elif row.state == CircuitState.OPEN:
            _outlast(venue, row)
    forget(venue.pk)


def _open(venue: Venue, row: VenueHealth) -> None:
    now = wall_now()
    VenueHealth.objects.filter(pk=row.pk).update(
        state=CircuitState.OPEN, opened_at=now, probe_at=now + timedelta(seconds=_back_off_s(row.failures))
    )
    said = f"{venue} does not answer: {row.failures} calls in a row; nothing is opened there"
    until = markets.in_maintenance_until(venue.scope_id, now, announced_by=now)
    if until is None:
        _raise(venue, Tier.CRITICAL, said)
    else:
        expected = f"{said}; expected: it is in maintenance until {until:%Y-%m-%d %H:%M} UTC"
        _raise(venue, Tier.INFO, expected, expected_until=until.isoformat())


def _outlast(venue: Venue, row: VenueHealth) -> None:
    """The outage goes on: once no maintenance explains it any more, people are called, once."""
    if row.opened_at is None or _is_expected(venue, row.opened_at):
        return
    if alerted.was_raised(_key(venue), Tier.CRITICAL, since=row.opened_at):
        return
    alerts.clear(dedup_key=_key(venue), actor=ACTOR, reason="no maintenance explains it any more")
    said = f"{venue} does not answer, longer than its maintenance explains; nothing is opened there"
    _raise(venue, Tier.CRITICAL, said)


def _is_expected(venue: Venue, opened_at: datetime) -> bool:
    """Whoever announces more of it while the venue is away keeps nobody from being called: exits cannot go out."""
    now = wall_now()
    if now - opened_at > timedelta(hours=EXPECTED_H):
        return False
    return markets.in_maintenance_until(venue.scope_id, now, announced_by=opened_at) is not None


def _raise(venue: Venue, tier: Tier, title: str, **detail: str) -> None:
    alerts.raise_alert(
        tier=tier,
        code="VENUE_OUTAGE",
        title=title,
        scope=venue.scope,
        target=venue,
        dedup_key=_key(venue),
        actor=ACTOR,
        reason="the venue does not answer",
        detail=detail,
    )


def forget(venue_id: UUID) -> None:
    """Read the circuit anew at the next question."""
    _known.pop(venue_id, None)


def _look(venue_id: UUID) -> Known:
    now, known = wall_now(), _known.get(venue_id)
    if known is not None and abs(now - known.read_at) < KNOWN_FOR:
        return known
    row = VenueHealth.objects.filter(venue_id=venue_id).first()
    if row is None:
        known = Known(is_open=False, failures=0, probe_at=None, read_at=now)
    else:
        known = Known(row.state == CircuitState.OPEN, row.failures, row.probe_at, now)
    _known[venue_id] = known
    return known


def _back_off_s(failures: int) -> float:
    """One second after the circuit opened, doubling with every further unanswered call up to PROBE_S_MAX."""
    return min(PROBE_S_MAX, 2.0 ** max(0, min(failures - FAILURES_MAX, 5)))


def _key(venue: Venue) -> str:
    return f"venue-outage:{venue.pk}"
