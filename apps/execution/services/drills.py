"""Drills of the kill switch: the real switch thrown on a running paper deployment, by the real path.

An order far from the market is placed and accepted; the bot is halted; another order must be denied, the first
one gone at the venue. The drill lifts its own hold again, and no other.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import structlog
from quarterdeck.decimals import EXACT

from apps.access.models import Scope
from apps.audit.context import job
from apps.bots.states import Mode
from apps.common import claims
from apps.common.errors import DomainError
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.models import Order, OrderEvent
from apps.execution.selectors import below
from apps.execution.services import ledger, orders
from apps.execution.services.halting import halt
from apps.execution.services.tickets import Ticket
from apps.execution.states import TERMINAL, OrderState, OrderType, Purpose, Side
from apps.markets import selectors as markets
from apps.risk import selectors as risk_state
from apps.risk import services as risk
from apps.risk.models import Hold, KillDrill
from apps.risk.states import DrainState, DrillState, HoldLevel, HoldState, LimitKind, TradingState
from apps.venues import services as venues
from apps.venues.adapters.base import VenueOrderState

log = structlog.get_logger(__name__)
ACTOR = job("drill")
LEASE_S = 60.0
PAUSE_S = 0.1
# Each step is looked at so many times, with a pause in between: half a minute.
LOOKS = 300
# How far below the market the order lies, as a part of the collar within which it must stay.
FAR = Decimal("0.8")


class NotPassed(Exception):
    """The drill ends here; `state` says whether the switch failed or the drill could not be run."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state = state


def run_drill(drill: KillDrill, *, pause: Callable[[], object] = lambda: time.sleep(PAUSE_S)) -> KillDrill:
    """Run a claimed drill to its end and report it; one that was left RUNNING by a killed worker ends as ERROR.

    Whatever happens, the drill's hold is lifted and its order cancelled. `pause` lets workers work.
    """
    if drill.state == DrillState.RUNNING:
        return _end(drill, DrillState.ERROR, "the drill died while it ran", {})
    risk.begin_drill(drill=drill)
    figures: dict[str, Any] = {}
    state, message = DrillState.PASSED, ""
    try:
        _drill(drill, figures, pause)
    except NotPassed as error:
        state, message = DrillState(error.state), str(error)
    except DomainError as error:
        state, message = DrillState.ERROR, f"{error.code}: {error.message}"
    except Exception as error:  # a drill that cannot be run must say so, whatever kept it
        log.exception("drill.broke", drill=str(drill.pk), error=type(error).__name__)
        state, message = DrillState.ERROR, f"the drill broke off: {type(error).__name__}"
    return _end(drill, state, message, figures)


def _drill(drill: KillDrill, figures: dict[str, Any], pause: Callable[[], object]) -> None:
    deployment = _deployment(drill.scope)
    figures["deployment"] = str(deployment)
    order = _place(drill, deployment, "first")
    if order.state == OrderState.DENIED:
        raise NotPassed(DrillState.ERROR, f"its order was denied: {', '.join(order.codes)}")
    _until(drill, lambda: _state(order) not in (OrderState.INITIALIZED, OrderState.SUBMITTING), pause)
    if _state(order) != OrderState.ACCEPTED:
        raise NotPassed(DrillState.ERROR, f"its order was not accepted: it is {_state(order)}")
    hold = halt(scope=deployment.bot.scope, level=HoldLevel.HALTED, actor=ACTOR, reason=_reason(drill), is_drill=True)
    risk.note_drill_hold(drill=drill, hold=hold)
    figures["latch_ms"] = hold.latch_ms
    second = _place(drill, deployment, "second")
    figures["denied"] = second.codes
    if second.state != OrderState.DENIED or "HOLD_HALTED" not in second.codes:
        raise NotPassed(DrillState.FAILED, "an order passed the check after the latch")
    if not _until(drill, lambda: _fresh(hold).drain_state == DrainState.DRAINED, pause):
        raise NotPassed(DrillState.FAILED, "the venue has not confirmed the cancel in time")
    figures["drain_ms"] = _fresh(hold).drain_ms
    _check_venue(deployment, order)
    figures["sends_after_latch"] = _sends_after(hold)
    if figures["sends_after_latch"]:
        raise NotPassed(DrillState.FAILED, "the bot sent orders after the latch")


def _deployment(scope: Scope) -> Deployment:
    """A running paper deployment below the scope that nothing holds; never one with real money."""
    running = Deployment.objects.filter(
        below(scope),
        desired=Desired.RUNNING,
        mode=Mode.PAPER,
        account__mode=Mode.PAPER,
        account__venue__mode=Mode.PAPER,
    )
    for pk in running.order_by("id").values_list("pk", flat=True):
        deployment = orders.loaded(pk)
        is_free = risk_state.trading_state(ledger.scope_ids(deployment))[0] == TradingState.ACTIVE
        if is_free and not orders.is_attached(deployment):
            return deployment
    raise NotPassed(DrillState.ERROR, "no paper deployment runs freely below the scope")


def _place(drill: KillDrill, deployment: Deployment, name: str) -> Order:
    instrument = deployment.instrument
    ticket = Ticket(
        deployment=deployment,
        instrument=instrument,
        side=Side.BUY,
        quantity=instrument.lot_size,
        order_type=OrderType.LIMIT,
        limit_price=_far_price(deployment),
        purpose=Purpose.OPENING,
        client_order_id=_client_order_id(drill, name),
    )
    return orders.place(ticket=ticket, actor=ACTOR, reason=_reason(drill))


def _far_price(deployment: Deployment) -> Decimal:
    """Below the last price, but within the collar, on the instrument's tick."""
    bar = markets.last_bar(deployment.feed)
    limits = risk_state.effective_limits(ledger.scope_ids(deployment), deployment.limits)
    collar_bps = limits.get(LimitKind.COLLAR_BPS)
    if bar is None or collar_bps is None:
        raise NotPassed(DrillState.ERROR, "there is no price or no collar to place an order by")
    away = bar.close * (1 - collar_bps * FAR / 10_000)
    tick = deployment.instrument.tick_size
    return EXACT.multiply(-(-away // tick), tick)


def _client_order_id(drill: KillDrill, name: str) -> UUID:
    """From the drill, so that whoever finds a dead drill finds its orders too."""
    return uuid5(drill.pk, name)


def _reason(drill: KillDrill) -> str:
    return f"kill drill {drill.pk}"


def _until(drill: KillDrill, condition: Callable[[], bool], pause: Callable[[], object]) -> bool:
    for _ in range(LOOKS):
        if condition():
            return True
        if not claims.extend(drill, lease_s=LEASE_S):
            raise NotPassed(DrillState.ERROR, "another worker took the drill over")
        pause()
    return condition()


def _state(order: Order) -> str:
    return Order.objects.values_list("state", flat=True).get(pk=order.pk)


def _fresh(hold: Hold) -> Hold:
    return Hold.objects.get(pk=hold.pk)


def _check_venue(deployment: Deployment, order: Order) -> None:
    """The venue itself must say that the order is gone; no answer is not a pass."""
    found = venues.adapter_for(deployment.account).order_by_client_id(order.client_order_id.hex)
    if found is None or found.state == VenueOrderState.OPEN:
        raise NotPassed(DrillState.FAILED, "the venue does not say that the order is gone")


def _sends_after(hold: Hold) -> int:
    sent = OrderEvent.objects.filter(state=OrderState.SUBMITTING, created_at__gt=hold.latched_at)
    held = Order.objects.filter(below(hold.scope), by_person=False, events__in=sent)
    return held.distinct().count()


def _end(drill: KillDrill, state: str, message: str, figures: dict[str, Any]) -> KillDrill:
    for hold in Hold.objects.filter(is_drill=True, state=HoldState.ACTIVE, reason=_reason(drill)):
        risk.end_drill_hold(hold=hold, actor=ACTOR, reason=f"{_reason(drill)}: {state}")
    ours = Order.objects.filter(client_order_id__in=[_client_order_id(drill, name) for name in ("first", "second")])
    for order in ours.exclude(state__in=TERMINAL).select_related("bot__scope", "instrument"):
        orders.cancel(order=order, actor=ACTOR, reason=_reason(drill))
    return risk.end_drill(drill=drill, state=state, message=message, figures=figures)
