"""What the pre-trade check takes from outside: FX rates, how instruments trade, and their reference prices."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access.models import User
from apps.access.selectors import Seat
from apps.audit.models import Record
from apps.common.clocks import wall_now
from apps.common.errors import DomainError
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.markets import selectors as markets
from apps.markets.models import (
    FxRate,
    FxRateRequest,
    Instrument,
    MaintenanceRequest,
    MaintenanceWindow,
    MarketStateRequest,
    MarketStatus,
    ReferencePrice,
)

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    from apps.markets.selectors import Said

LATER_SHOWN = 50
WAITING_SHOWN = 50
CHOICES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class InstrumentView:
    """An instrument, what was said of its market, and its prices; no status: it trades by its calendar."""

    instrument: Instrument
    status: "WithAnnotations[MarketStatus, Said] | None"
    references: list["ReferenceView"]


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """A source's price; an old one is none to the check."""

    row: ReferencePrice
    is_stale: bool


@dataclass(frozen=True, slots=True)
class RateView:
    """An entry of a pair: the one that counts now, current or stale, or one that starts later."""

    row: FxRate
    is_later: bool
    is_stale: bool
    record: Record | None
    asked_by: User | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A conversion that the check needs and cannot make, and what to do about it."""

    base: str
    quote: str
    message: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A rate, a state or less maintenance that waits for a second person; for a state, what stands, if anything."""

    asked: FxRateRequest | MarketStateRequest | MaintenanceRequest
    stands: MarketStatus | None
    seats: list[Seat]
    may_vote: bool

    @property
    def rate(self) -> FxRateRequest | None:
        """The rate, where it is one."""
        return self.asked if isinstance(self.asked, FxRateRequest) else None

    @property
    def window(self) -> MaintenanceWindow | None:
        """The announced window, where it is about one."""
        return self.asked.window if isinstance(self.asked, MaintenanceRequest) else None

    @property
    def departure(self) -> Decimal | None:
        """By how many percent the rate departs from what counted when it was asked for; None: nothing did."""
        return None if self.rate is None else departure(self.rate.rate, self.rate.departs_from, places=1)


def departure(figure: Decimal, known: Decimal | None, *, places: int = 2) -> Decimal | None:
    """How far a figure is from a known one, in percent; None without one."""
    return round((figure / known - 1) * 100, places) if known else None


def waiting(user: User) -> list[Waiting]:
    """What waits for a second person: rates, then states, then less maintenance, each soonest to expire first."""
    if not access.visible_scope_ids(user):
        return []
    asked_rates = list(markets.waiting_rates()[:WAITING_SHOWN])
    asked_states = list(markets.waiting_states()[:WAITING_SHOWN])
    found = MarketStatus.objects.filter(instrument__in=[row.instrument_id for row in asked_states])
    stands = {status.instrument_id: status for status in found}
    return [
        *(_waiting(user, row) for row in asked_rates),
        *(_waiting(user, row, stands.get(row.instrument_id)) for row in asked_states),
        *(_waiting(user, row) for row in markets.waiting_maintenance()[:WAITING_SHOWN]),
    ]


def _waiting(
    user: User, asked: FxRateRequest | MarketStateRequest | MaintenanceRequest, stands: MarketStatus | None = None
) -> Waiting:
    seats = access.seats_of(asked.consent)
    return Waiting(asked, stands, seats, any(user in seat.candidates for seat in seats))


def instruments(user: User, text: str = "") -> QuerySet[Instrument]:
    """All instruments for whoever may view anything, by symbol; with `text` in it."""
    rows = Instrument.objects.all() if access.visible_scope_ids(user) else Instrument.objects.none()
    return (rows.filter(symbol__icontains=text) if text else rows).order_by("symbol")


def choices(user: User) -> list[Instrument]:
    """The instruments whose state can be stated."""
    return list(instruments(user)[:CHOICES_MAX])


def views(found: Iterable[Instrument]) -> list[InstrumentView]:
    """Each instrument with its status and the prices of its sources; two queries however many."""
    rows = list(found)
    statuses = {status.instrument_id: status for status in markets.market_states().filter(instrument__in=rows)}
    since = wall_now() - timedelta(seconds=settings.REFERENCE_STALE_S)
    prices: dict[UUID, list[ReferenceView]] = {}
    for row in ReferencePrice.objects.filter(instrument__in=rows).order_by("source"):
        prices.setdefault(row.instrument_id, []).append(ReferenceView(row, row.seen_at <= since))
    return [InstrumentView(row, statuses.get(row.pk), prices.get(row.pk, [])) for row in rows]


def rates(user: User) -> list[RateView]:
    """The rates that count now, and those that start later, by pair; with the record of who entered each."""
    if not access.visible_scope_ids(user):
        return []
    now = wall_now()
    later = FxRate.objects.filter(valid_from__gt=now).order_by("valid_from")[:LATER_SHOWN]
    rows = sorted([*markets.counted_rates(), *later], key=lambda row: (row.base, row.quote, row.valid_from))
    acts = Record.objects.filter(act="fx_rate.set", object_id__in=[row.pk for row in rows])
    records = {record.object_id: record for record in acts}
    agreed = FxRateRequest.objects.filter(entry__in=rows).select_related("consent__requested_by")
    askers = {request.entry_id: request.consent.requested_by for request in agreed}
    return [
        RateView(row, row.valid_from > now, row.valid_until < now, records.get(row.pk), askers.get(row.pk))
        for row in rows
    ]


def gaps(user: User) -> list[Gap]:
    """What the check cannot convert now: what instruments are quoted in, and what running accounts are held in."""
    firm_base = access.firm().base_currency
    needed = {(quoted, firm_base) for quoted in instruments(user).values_list("quote_currency", flat=True)}
    running = Deployment.objects.filter(desired=Desired.RUNNING).select_related("instrument", "account")
    for row in access.within(running, user, "bot__scope"):
        needed.add((row.instrument.quote_currency, row.account.currency))
    found = [Gap(base, quote, _trouble(base, quote)) for base, quote in sorted(needed)]
    return [gap for gap in found if gap.message]


def _trouble(base: str, quote: str) -> str:
    try:
        rate: Decimal = markets.convert_rate(base, quote, wall_now())
    except DomainError as error:
        return error.message
    return "" if rate > 0 else f"the rate from {base} to {quote} is too small to count"
