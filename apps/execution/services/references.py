"""The venues' own prices of what is traded there: the reference that is not the bot's own feed."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import structlog
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.common.clocks import from_ms, wall_now
from apps.common.errors import DomainError
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.models import Position
from apps.markets import services as markets
from apps.markets.models import Instrument, ReferencePrice
from apps.venues import services as venues
from apps.venues.models import Account

log = structlog.get_logger(__name__)
EVERY_S = 1.0
# The share of an account's calls that prices may use.
SHARE = 0.2


def refresh_references(deployments: Iterable[Deployment] | None = None) -> int:
    """Ask once for the price of each instrument at each venue where a deployment trades it; how many were heard.

    With `deployments` (their accounts and venues loaded): of what these trade alone. The answer is kept as
    `venue:<name>`. A venue that does not answer or has no calls left, or an account without its keys, stops no
    other: its price grows old, and what needs a fresh one is refused.
    """
    traded = _traded(_wanted() if deployments is None else deployments)
    shares = Counter(account.pk for account, _ in traded)
    return sum(_hear(account, instrument, shares[account.pk]) for account, instrument in traded)


def _wanted() -> QuerySet[Deployment]:
    """What is traded, and what a paused bot holds: that may have to be sold."""
    place = {name: OuterRef(name) for name in ("bot", "account", "instrument")}
    holds = Exists(Position.objects.filter(**place).exclude(quantity=0))
    rows = Deployment.objects.filter(Q(desired=Desired.RUNNING) | Q(Q(desired=Desired.PAUSED), holds))
    return rows.select_related("account__venue__scope", "instrument").order_by("id")


def _traded(deployments: Iterable[Deployment]) -> list[tuple[Account, Instrument]]:
    """Each traded instrument of each venue once, with the account of a deployment that trades it there."""
    found: dict[tuple[UUID, UUID], tuple[Account, Instrument]] = {}
    for deployment in deployments:
        place = (deployment.account.venue_id, deployment.instrument_id)
        found.setdefault(place, (deployment.account, deployment.instrument))
    return list(found.values())


def _is_due(account: Account, instrument: Instrument, instruments: int) -> bool:
    """Whether the price is old enough: the more instruments share the account's calls, the rarer each is asked for."""
    per_minute = venues.capabilities_of(account).requests_per_minute * SHARE
    every_s = max(EVERY_S, 60 * instruments / per_minute)
    if every_s <= EVERY_S:
        return True
    since = wall_now() - timedelta(seconds=every_s)
    recent = ReferencePrice.objects.filter(instrument=instrument, source=source_of(account), seen_at__gt=since)
    return not recent.exists()


def _hear(account: Account, instrument: Instrument, instruments: int) -> int:
    try:
        if not _is_due(account, instrument, instruments):
            return 0
        quote = venues.adapter_for(account).quote(instrument.symbol)
    except DomainError as error:
        log.warning("reference.unheard", venue=account.venue.name, symbol=instrument.symbol, code=error.code)
        return 0
    seen_at = min(from_ms(quote.wall_ms), wall_now())  # a venue whose clock is ahead makes no price fresh for longer
    markets.see_reference(instrument=instrument, source=source_of(account), price=quote.price, seen_at=seen_at)
    return 1


def source_of(account: Account) -> str:
    """Under which name the venue's prices are kept."""
    return f"venue:{account.venue.name}"
