"""Announced maintenance of venues: one person or a machine states it, and two people make it less.

A window is on the wall clock, whatever market time the feeds of the bots there are at: the venue itself is away.
"""

from datetime import datetime, timedelta
from functools import partial

from django.conf import settings

from apps.access.models import Scope, User
from apps.access.states import ScopeKind
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import locks
from apps.common.canonical import digest as digest_of
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused
from apps.common.nudges import hint
from apps.markets import rules, selectors
from apps.markets.models import Instrument, MaintenanceRequest, MaintenanceWindow
from apps.markets.services import asking

# Further ahead nobody announces anything: it is a wrong year.
AHEAD_MAX_D = 366


def announce_maintenance(
    *,
    venue: Scope,
    starts_at: datetime,
    ends_at: datetime,
    source: str,
    actor: User | str,
    reason: str,
    instrument: Instrument | None = None,
) -> MaintenanceWindow:
    """Say that a venue, or one `instrument` there, does not trade between two wall times; the first may be past.

    It holds at once. `venue` is the venue's scope. Raises Invalid MAINTENANCE_VENUE, MAINTENANCE_PERIOD.
    """
    if venue.kind != ScopeKind.VENUE:
        raise Invalid("MAINTENANCE_VENUE", f"{venue} is no venue", field="venue")
    _check_period(starts_at, ends_at)
    with acting(actor, reason):
        window = MaintenanceWindow.objects.create(
            scope=venue, instrument=instrument, starts_at=starts_at, ends_at=ends_at, source=source
        )
        audit.record("maintenance.announced", window, scope_id=venue.pk, after=_texts(window))
        hint("fleet", "limits")
    return window


def extend_maintenance(
    *,
    window: MaintenanceWindow,
    actor: User | str,
    reason: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> MaintenanceWindow:
    """Start a window earlier or end it later, at once; what is left out stays.

    It ends every request for this window that waits for a vote. Raises Invalid MAINTENANCE_PERIOD; Refused
    MAINTENANCE_OVER, MAINTENANCE_LOOSENS when any of what stands would be left out.
    """
    with acting(actor, reason):
        row = _standing(window)
        starts_at, ends_at = starts_at or row.starts_at, ends_at or row.ends_at
        _check_period(starts_at, ends_at)
        if not rules.covers((starts_at, ends_at), (row.starts_at, row.ends_at)):
            raise Refused(
                "MAINTENANCE_LOOSENS",
                "this lets more trade than what stands: a person asks for it, and another risk owner of the firm "
                "decides",
            )
        _void_waiting(row, actor, reason)
        return _move(row, starts_at, ends_at, "maintenance.extended")


def request_less_maintenance(
    *,
    window: MaintenanceWindow,
    actor: User,
    reason: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> MaintenanceRequest:
    """Ask to move a window, or without times to cancel it; a second risk owner of the firm decides.

    What is left out of two times stays. Until the vote nothing changes. Raises Forbidden PERSON_NEEDED; Invalid
    MAINTENANCE_PERIOD; Refused MAINTENANCE_OVER.
    """
    asking.require_person(actor)
    with acting(actor, reason):
        row = _standing(window)
        asked = MaintenanceRequest(window=row)
        if starts_at is not None or ends_at is not None:
            asked.starts_at, asked.ends_at = starts_at or row.starts_at, ends_at or row.ends_at
            _check_period(asked.starts_at, asked.ends_at)
        digest = _digest(asked, row)
        asking.ask(asked, act="maintenance.less", digest=digest, actor=actor, reason=reason, until=row.ends_at)
    return asked


def vote_less_maintenance(
    *, request: MaintenanceRequest, actor: User, approve: bool, reason: str, digest: str
) -> MaintenanceRequest:
    """Vote on it; when granted it holds in the same transaction.

    Raises what `access.vote` raises; Refused DIGEST_CHANGED when the window is not what it was when it was asked for.
    """
    with acting(actor, reason):
        window = locks.row(MaintenanceWindow.objects.all(), request.window_id)
        row = locks.row(MaintenanceRequest.objects.select_related("consent"), request.pk)
        stands = partial(_digest, row, window)
        if asking.count_vote(row, actor=actor, approve=approve, reason=reason, digest=digest, stands=stands):
            _apply(row, window, actor, reason)
    return row


def _apply(row: MaintenanceRequest, window: MaintenanceWindow, actor: User, reason: str) -> None:
    _void_waiting(window, actor, reason)
    if row.starts_at is None or row.ends_at is None:
        _cancel(window)
    else:
        _move(window, row.starts_at, row.ends_at, "maintenance.moved")
    row.applied_at = wall_now()
    row.save(update_fields=["applied_at"])


def _cancel(window: MaintenanceWindow) -> None:
    before, window.cancelled_at = _texts(window), wall_now()
    window.save(update_fields=["cancelled_at"])
    audit.record("maintenance.cancelled", window, scope_id=window.scope_id, before=before, after=_texts(window))
    hint("fleet", "limits")


def _move(window: MaintenanceWindow, starts_at: datetime, ends_at: datetime, act: str) -> MaintenanceWindow:
    before, window.starts_at, window.ends_at = _texts(window), starts_at, ends_at
    window.save(update_fields=["starts_at", "ends_at"])
    audit.record(act, window, scope_id=window.scope_id, before=before, after=_texts(window))
    hint("fleet", "limits")
    return window


def _standing(window: MaintenanceWindow) -> MaintenanceWindow:
    """The window, locked, while there is anything of it to change."""
    row = locks.row(MaintenanceWindow.objects.all(), window.pk)
    if row.cancelled_at is not None or row.ends_at <= wall_now():
        raise Refused("MAINTENANCE_OVER", "the window is over or cancelled: announce a new one")
    return row


def _void_waiting(window: MaintenanceWindow, actor: User | str, reason: str) -> None:
    """Whoever changes a window means it: what was asked for before may not undo it later."""
    waiting = selectors.waiting_maintenance().filter(window=window)
    asking.void(waiting, actor=actor, reason=f"the window was changed: {reason}")


def _digest(asked: MaintenanceRequest, window: MaintenanceWindow) -> str:
    """What the voters consent to: the window, what is to stand of it, and what stands."""
    times = [None if at is None else at.isoformat() for at in (asked.starts_at, asked.ends_at)]
    return digest_of({"window": str(window.pk), "asked": times, "stands": _texts(window)})


def _check_period(starts_at: datetime, ends_at: datetime) -> None:
    now, days = wall_now(), settings.MAINTENANCE_MAX_D
    if ends_at <= starts_at:
        raise Invalid("MAINTENANCE_PERIOD", "a window ends after it starts", field="ends_at")
    if ends_at <= now:
        raise Invalid("MAINTENANCE_PERIOD", "a window ends in the future", field="ends_at")
    if ends_at - starts_at > timedelta(days=days):
        raise Invalid("MAINTENANCE_PERIOD", f"a window is {days} days long at most", field="ends_at")
    if ends_at > now + timedelta(days=AHEAD_MAX_D):
        raise Invalid("MAINTENANCE_PERIOD", "a window is within the next year: check the date", field="ends_at")


def _texts(window: MaintenanceWindow) -> dict[str, str | None]:
    return {
        "instrument": None if window.instrument_id is None else str(window.instrument_id),
        "starts_at": window.starts_at.isoformat(),
        "ends_at": window.ends_at.isoformat(),
        "source": window.source,
        "cancelled_at": None if window.cancelled_at is None else window.cancelled_at.isoformat(),
    }
