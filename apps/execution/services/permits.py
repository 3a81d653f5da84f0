"""Send permits: the last look at holds, epoch and build, under the locks that a hold takes exclusively.

A hold that is placed lets no new permit come into being but for less of a resting order (`surely_less`).
"""

from datetime import datetime, timedelta

from django.conf import settings

from apps.common import locks
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.execution import terms
from apps.execution.models import Order
from apps.execution.services import ledger
from apps.execution.states import Purpose
from apps.risk import rules
from apps.risk import selectors as risk
from apps.risk.states import TradingState
from apps.venues import services as venues

# An opening order that waited longer than this for a worker was decided on a market that has moved on.
OPENING_AGE_MAX = timedelta(seconds=15)


def look(order: Order) -> tuple[Order, Deployment, TradingState]:
    """The locked order and its deployment with the trading state; a hold that comes now waits for this transaction.

    The shared locks are taken first and the holds read in a later statement: one statement would read
    a state from before the lock was granted.
    """
    locks.shared(ledger.scope_ids(order))
    state, _ = risk.trading_state(ledger.scope_ids(order))
    # Locked like a pause or a redeploy locks it: whichever comes second sees the other.
    deployment = locks.row(Deployment.objects.select_related("release"), order.deployment_id, keeps_key=True)
    return ledger.locked(order), deployment, state


def refusal(row: Order, deployment: Deployment, state: TradingState, *, decided_at: datetime) -> str:
    """Why an order, or new terms for it, may not go out; "" when nothing stands against it.

    Nothing does against less of an order: holds, epoch and build keep risk from growing, not from shrinking.
    """
    if surely_less(row, terms.asked(row)):
        return ""
    if not rules.passes_holds(row.purpose, row.by_person, state):
        return f"HOLD_{state.name}"
    if row.by_person:
        return ""
    if row.purpose == Purpose.OPENING and abs(wall_now() - decided_at) > OPENING_AGE_MAX:
        return "ORDER_STALE"  # one from the future was decided before the clock was set back
    # A pause begins a new epoch: an exit of the present one was placed after it, by a plan that takes the bot out.
    if deployment.epoch != row.epoch or (deployment.desired != "running" and row.purpose != Purpose.EXIT):
        return "EPOCH_FENCED"
    return "" if deployment.release.build_id == row.build_id else "BUILD_MISMATCH"


def surely_less(row: Order, asked: terms.Terms) -> bool:
    """Whether these terms are nothing but less of an opening order that rests at the venue (design §2.5).

    It is a cancel of a part, so no hold, pause, limit or price stands in its way. That holds only where the venue
    changes the order itself: its fills of meanwhile then count towards the smaller quantity, and a request that comes
    after its cancel finds nothing to change, so a halt is drained for good. Where a new order takes the place of the
    old one (alpaca: both live for a while, and what the old one fills is not known to count for the new one), a new
    opening order would begin to work after the latch. There it passes every check like other terms, a hold refuses
    it, and the way to less is the cancel.
    """
    if not terms.shrinks(row.purpose, terms.present(row), asked):
        return False
    return venues.capabilities_of(row.account).replaces_in_place


def until() -> datetime:
    """When a permit given now ends: no call to the venue starts later."""
    return wall_now() + timedelta(milliseconds=settings.SEND_PERMIT_MS)


def is_late(permitted: Order) -> bool:
    """Whether the permit is too old to call the venue; so is one that a clock set back makes look new."""
    ends_at = permitted.send_before
    return ends_at is None or not ends_at - timedelta(milliseconds=settings.SEND_PERMIT_MS) <= wall_now() < ends_at


def could_still_arrive(order: Order) -> bool:
    """Whether a call under the order's last permit may still be on its way."""
    if order.send_before is None:
        return False
    return wall_now() < order.send_before + timedelta(seconds=2 * settings.VENUE_TIMEOUT_S)
