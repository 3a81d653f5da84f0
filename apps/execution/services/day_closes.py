"""The end of a trading day: what positions stood at, and what the official marks make of it.

A day begins with the profit of the first valuation after its boundary, at the feed's last price. That price is
provisional: once the official mark of the day that ended is known, the profit with which the present day began is
restated by it, and with it what is lost since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Max, Min, Q, QuerySet
from quarterdeck.decimals import EXACT

from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.common import claims, decimals, locks, nudges
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.execution import standing as stands
from apps.execution.models import DayClose, Fill, Position
from apps.execution.services import ledger
from apps.markets import selectors as markets
from apps.markets.models import Instrument, OfficialDay, OfficialMark
from apps.risk import services as risk

log = structlog.get_logger(__name__)
ACTOR = job("official-marks")
CODE = "OFFICIAL_MARK_MISSING"
LEASE_S = 15.0
BATCH = 100
# What the turn of the day writes of a position.
TURNED = ("value_base", "pnl_base", "trading_day", "pnl_at_open")
# By then another trading day has ended, and what was left out of days is not restated anyway.
BOOKED_SINCE = timedelta(days=14)
# Nothing is due further ahead than this beyond its own wait, unless the wall clock was set back.
AHEAD_S = 60.0
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Turn:
    """A deployment whose feed has reached a day, at a price and with a rate to base currency."""

    deployment: Deployment
    day: date
    price: Decimal
    rate: Decimal


def behind(reached: Sequence[tuple[Deployment, date]]) -> list[tuple[Deployment, date]]:
    """Those deployments whose position is still in a day before the one that their feed has reached, or in none."""
    rows = Position.objects.filter(bot__in=[deployment.bot_id for deployment, _ in reached])
    days = {_key(row): row.trading_day for row in rows}
    return [one for one in reached if _key(one[0]) in days and _is_behind(days[_key(one[0])], one[1])]


def locked(turns: Sequence[Turn]) -> list[tuple[Position, Turn]]:
    """The positions that still turn, locked after their exposure rows; those that somebody else turned are left out."""
    wanted = Q(pk__in=[])
    for one in turns:
        wanted |= Q(**_place(one.deployment))
    risk.lock_exposures((one.deployment.bot.scope_id, one.deployment.instrument_id) for one in turns)
    by_key = {_key(one.deployment): one for one in turns}
    rows = Position.objects.select_for_update().filter(wanted).order_by("id")
    held = [(row, by_key[_key(row)]) for row in rows]
    return [(row, one) for row, one in held if _is_behind(row.trading_day, one.day)]


def keep(held: Sequence[tuple[Position, Turn]], *, mode: str) -> None:
    """Keep what locked and valued positions of a mode stood at when the books above them turned; write them and turn.

    A position that no day was known of begins its first one: nothing has ended. Of an empty one nothing is kept.
    """
    scopes = {scope_id for _, one in held for scope_id in ledger.scope_ids(one.deployment)}
    standing, traded, closes = risk.days_of(scopes, mode=mode), _traded_last(held), []
    for row, one in held:
        if row.trading_day is not None and row.quantity:
            close = _close(row, row.trading_day, one)
            if _stood_at_the_boundary(one, row.trading_day, traded.get(_key(row))):
                close.scopes = sorted(str(pk) for pk in ledger.scope_ids(one.deployment) if standing.get(pk) == one.day)
            closes.append(close)
        row.trading_day, row.pnl_at_open = one.day, row.pnl_base
    Position.objects.bulk_update([row for row, _ in held], TURNED)
    DayClose.objects.bulk_create(closes, ignore_conflicts=True)
    if closes:
        nudges.wake("execution.restate_days")
        nudges.hint("fleet", *(f"bot:{close.bot_id}" for close in closes))


def _traded_last(held: Sequence[tuple[Position, Turn]]) -> dict[tuple[Any, Any, Any], datetime]:
    """Market time of the last trade of each position, as far as it was booked within BOOKED_SINCE."""
    wanted = Q(pk__in=[])
    for _, one in held:
        wanted |= Q(**_place(one.deployment))
    rows = Fill.objects.filter(wanted, id__gte=stands.first_id(wall_now() - BOOKED_SINCE))
    found = rows.values_list("bot_id", "account_id", "instrument_id").annotate(last=Max("market_at"))
    return {(bot, account, instrument): last for bot, account, instrument, last in found}


def _stood_at_the_boundary(one: Turn, ended: date, traded_at: datetime | None) -> bool:
    """Whether the present day began with this position at about this price, so that a mark of the day says so too.

    Not when days were left out, whose move is none of the mark's, nor when it was traded since the boundary.
    """
    instrument = one.deployment.instrument
    if markets.day_before(instrument, one.day) != ended:
        return False
    return traded_at is None or markets.trading_day(instrument, traded_at) <= ended


def _close(row: Position, ended: date, one: Turn) -> DayClose:
    return DayClose(
        **_place(one.deployment),
        trading_day=ended,
        opens=one.day,
        quantity=row.quantity,
        multiplier=one.deployment.instrument.multiplier,
        rate=one.rate,
        provisional_price=one.price,
        value_base=row.value_base,
        pnl_base=row.pnl_base,
        pnl_day_base=row.pnl_base - row.pnl_at_open,
        due_at=wall_now(),
    )


def _place(deployment: Deployment) -> dict[str, Any]:
    return {
        "bot_id": deployment.bot_id,
        "account_id": deployment.account_id,
        "instrument_id": deployment.instrument_id,
    }


def _key(held: Position | Deployment) -> tuple[Any, Any, Any]:
    return held.bot_id, held.account_id, held.instrument_id


def _is_behind(known: date | None, day: date) -> bool:
    return known is None or known < day


def restate_days() -> int:
    """Restate what official marks concern, and look for marks that are missing; how many closes were restated.

    A day whose mark was stated makes its closes due; a close is due when it is written too, so that neither is missed
    whichever is committed first. Idempotent: a close is restated once per mark.
    """
    claims.wake_stranded(OfficialDay.objects.all(), ahead_s=AHEAD_S)
    claims.wake_stranded(DayClose.objects.all(), ahead_s=settings.MARK_MISSING_H * 3600 + AHEAD_S)
    while days := claims.claim(OfficialDay.objects.all(), lease_s=LEASE_S, limit=BATCH):
        for day in days:
            closes = DayClose.objects.filter(instrument=day.instrument_id, trading_day=day.trading_day)
            closes.update(due_at=wall_now(), lease_owner="", lease_until=None)
            claims.settle(day, attempts=0)
    restated = 0
    while rows := claims.claim(DayClose.objects.all(), lease_s=LEASE_S, limit=BATCH):
        restated += sum(_tried(row) for row in rows)
    return restated


def _tried(close: DayClose) -> bool:
    """Look at a close; one that goes wrong is tried again when its lease runs out, and stops no other."""
    try:
        return _look_at(close)
    except Exception as error:
        log.exception("day_close.failed", id=str(close.pk), error=type(error).__name__)
        return False


def _look_at(close: DayClose) -> bool:
    """Restate a claimed close by the mark that counts; without one come back when it should be there, or alert.

    Of an instrument that never had a mark none is awaited.
    """
    instrument = Instrument.objects.select_related("scope").get(pk=close.instrument_id)
    mark = markets.counted_mark(instrument, close.trading_day)
    if mark is not None and markets.may_restate(mark, close.provisional_price):
        is_new = restate(close=close, mark=mark)
        _clear_alert(instrument)
        claims.settle(close, attempts=0)
        return is_new
    missing_at = close.created_at + timedelta(hours=settings.MARK_MISSING_H)
    if wall_now() < missing_at and OfficialMark.objects.filter(instrument=instrument).exists():
        claims.settle(close, due_in_s=(missing_at - wall_now()).total_seconds(), attempts=0)
    else:
        _alert(instrument, close)
        claims.settle(close, attempts=0)
    return False


def restate(*, close: DayClose, mark: OfficialMark) -> bool:
    """Let the present day of the scopes above a position begin with the official mark of the day that ended.

    Moves `pnl_at_open` of their books by units x multiplier x (official - provisional) x rate, less what an earlier
    mark has moved it by; nothing else moves, and no book that has turned since. Long 10, provisional 100, official 98:
    the day began with 20 less, so 20 less are lost since. False when this mark, or a newer one, was applied before.
    """
    with acting(ACTOR, f"official {mark.kind} of {close.trading_day}: {mark.source}"):
        row = locks.row(DayClose.objects.select_related("mark", "account", "bot"), close.pk)
        if row.mark is not None and row.mark.revision >= mark.revision:
            return False
        amount = _difference(row, mark.price)
        moved = amount - row.restated_base
        before = {"mark": None if row.mark is None else decimals.text_of(row.mark.price)}
        row.mark, row.restated_base = mark, amount
        row.save(update_fields=["mark", "restated_base"])
        after = {"mark": decimals.text_of(mark.price), "moved_base": decimals.text_of(moved)}
        audit.record("day_close.restated", row, scope_id=row.bot.scope_id, before=before, after=after)
        risk.restate_open(scope_ids=row.scopes, mode=row.account.mode, trading_day=row.opens, amount=moved)
        nudges.wake("execution.contain_breaches")
        nudges.hint("fleet", "limits", f"bot:{row.bot_id}")
    return True


def _difference(row: DayClose, official: Decimal) -> Decimal:
    """What the official price makes of the whole position beyond the provisional one, base currency."""
    per_unit = EXACT.multiply(EXACT.subtract(official, row.provisional_price), row.multiplier)
    return risk.worth(row.quantity, EXACT.multiply(per_unit, row.rate))


def _missing(instrument: Instrument, now: datetime) -> QuerySet[DayClose]:
    """Closes that should have a mark by now, since the instrument has had marks at all."""
    first = OfficialMark.objects.filter(instrument=instrument).aggregate(at=Min("created_at"))["at"]
    if first is None:
        return DayClose.objects.none()
    due = now - timedelta(hours=settings.MARK_MISSING_H)
    return DayClose.objects.filter(instrument=instrument, mark=None, created_at__gte=first, created_at__lte=due)


def _alert(instrument: Instrument, close: DayClose) -> None:
    if not _missing(instrument, wall_now()).filter(pk=close.pk).exists():
        return
    alerts.raise_alert(
        tier=Tier.INFO,
        code=CODE,
        title=f"No official mark of {instrument} for {close.trading_day}: its close stays provisional",
        scope=instrument.scope,
        target=instrument,
        detail={"trading_day": close.trading_day.isoformat()},
        dedup_key=_alert_key(instrument),
        actor=ACTOR,
        reason=f"the day ended more than {settings.MARK_MISSING_H:g} hours ago",
    )


def _clear_alert(instrument: Instrument) -> None:
    if not _missing(instrument, wall_now()).exists():
        alerts.clear(dedup_key=_alert_key(instrument), actor=ACTOR, reason="the official mark is known")


def _alert_key(instrument: Instrument) -> str:
    return f"official-mark:{instrument.pk}"
