"""One step of an exit plan: look, clear the way, send the next slices, conclude; each part can be repeated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

import structlog

from apps.access.models import User
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import claims, nudges, states
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused
from apps.execution import services as execution
from apps.execution.exits import rules
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.exits.services import guards, looks, plans
from apps.execution.exits.services import legs as positions
from apps.execution.exits.states import (
    ACTIVE_LEGS,
    ACTIVE_PLANS,
    LEG_TRANSITIONS,
    PLAN_TRANSITIONS,
    LegState,
    PlanSource,
    PlanState,
)
from apps.execution.models import Order
from apps.execution.states import OrderType, Purpose, TimeInForce
from apps.markets import selectors as markets
from apps.venues import services as venues

log = structlog.get_logger(__name__)
LEASE_S = 30.0
SOON_S = 1.0
STATE_OF = {rules.Act.CLEAR: LegState.CLEARING, rules.Act.SWEEP: LegState.SWEEPING, rules.Act.DONE: LegState.DONE}
SOON = frozenset({rules.Act.CLEAR, rules.Act.SWEEP})


@dataclass(slots=True)
class Step:
    """A leg in this step: what is known, what was decided, and how much of it goes out."""

    leg: ExitLeg
    look: looks.Look
    quote: looks.Quote
    facts: rules.LegFacts
    decision: rules.Decision
    size: Decimal = Decimal(0)


def advance(plan: ExitPlan) -> None:
    """Take a claimed plan one step further and make its next step due.

    Not inside a transaction: it asks the venues. A worker that has lost its lease places nothing, and a step
    that is done twice places each slice once. A group that fails keeps no other group from getting out.
    """
    rows = list(plan.legs.filter(state__in=ACTIVE_LEGS).select_related(*_related()))
    seen = looks.look_at([leg.deployment for leg in rows], between=lambda: claims.extend(plan, lease_s=LEASE_S))
    steps: list[Step] = []
    for _, group in groupby(sorted(rows, key=lambda leg: leg.hedge_group), key=lambda leg: leg.hedge_group):
        steps += _advance_group(plan, list(group), seen)
    _conclude(plan, steps)


def _related() -> list[str]:
    return [f"deployment__{name}" for name in positions.RELATED]


def _advance_group(plan: ExitPlan, group: list[ExitLeg], seen: dict[UUID, looks.Look]) -> list[Step]:
    try:
        steps = [_judge(plan, leg, seen[leg.deployment_id]) for leg in group]
        blocked = [step for step in steps if step.decision.act == rules.Act.BLOCK]
        if blocked:
            _block(plan, steps, blocked[0])
            return []
        _pace(plan, steps)
        for step in steps:
            _act(plan, step)
    except Exception as error:
        log.exception("exits.group_failed", plan=str(plan.pk), error=type(error).__name__)
        return []
    return steps


def _judge(plan: ExitPlan, leg: ExitLeg, look: looks.Look) -> Step:
    deployment = leg.deployment
    quote = looks.quote_of(deployment, plan.step_s)
    facts = looks.facts_of(
        deployment,
        look,
        quote,
        leg_id=leg.pk,
        slices=leg.slices,
        hold=looks.hold_on(deployment, by_person=_is_persons(plan)),
        overdue_s=plan.step_s,
    )
    guarded = _clear(plan, rules.in_the_way(facts, keep_protective=plan.keep_protective), look.orders)
    decision = rules.decide(facts, keep_protective=plan.keep_protective, guarded=guarded)
    if look.held is not None:
        leg.held, leg.target = look.held, max(leg.target, abs(look.held))
    return Step(leg, look, quote, facts, decision)


def _is_persons(plan: ExitPlan) -> bool:
    return plan.source == PlanSource.PERSON


def _clear(plan: ExitPlan, wanted: Sequence[rules.WorkingOrder], found: Sequence[Order]) -> frozenset[UUID]:
    """Ask for the cancel of what is in the way; the ids of those that a hold does not let go."""
    by_id, guarded = {order.pk: order for order in found}, set()
    for order in wanted:
        if order.is_cancelling:
            continue
        try:
            execution.cancel(order=by_id[order.id], actor=plans.ACTOR, reason=f"in the way of an exit: {plan.reason}")
        except Refused as error:
            log.warning("exits.not_cancelled", order=str(order.id), code=error.code)
            guarded.add(order.id)
    return frozenset(guarded)


def _pace(plan: ExitPlan, steps: list[Step]) -> None:
    """Give each leg its slice, so that the legs of the group go down together."""
    paces = [_pace_of(plan, step) for step in steps]
    for step, size in zip(steps, rules.in_step(paces), strict=True):
        if step.decision.act == rules.Act.SLICE:
            step.size = size
            if size == 0:
                step.decision = rules.Decision(rules.Act.WORK, "ahead of its hedge; waits for the other legs")


def _pace_of(plan: ExitPlan, step: Step) -> rules.Pace:
    # A leg that nobody could look at yet counts as not begun: it keeps its hedge where it is.
    target = step.leg.target if step.facts.held is not None else max(step.leg.target, step.facts.lot_size)
    left = abs(step.leg.held) if step.leg.held is not None else target
    cap = rules.cap(step.facts, plan.participation) if step.decision.act == rules.Act.SLICE else Decimal(0)
    return rules.Pace(left=left, target=target, cap=cap, lot_size=step.facts.lot_size)


def _act(plan: ExitPlan, step: Step) -> None:
    """Do what was decided for one leg; a refusal of the gateway is what the leg waits for next."""
    if step.decision.act == rules.Act.SLICE:
        try:
            _place(plan, step)
            return
        except (Refused, Invalid) as error:
            step.decision = rules.Decision(rules.Act.WAIT, f"{error.code}: {error.message}")
    if step.decision.act == rules.Act.SWEEP:
        guards.sweep(step.leg.deployment, rules.to_sweep(step.facts), step.look)
    _note(plan, step)


def _place(plan: ExitPlan, step: Step) -> None:
    """Store the next slice and the leg's progress in one transaction; the order's reservations come last.

    Under the plan's lock and only under our lease: of two workers one places it, and after a stop nobody does.
    """
    leg, ticket = step.leg, _ticket(plan, step)
    with acting(_actor(plan), plan.reason):
        row = plans.locked(plan)
        if row.state not in ACTIVE_PLANS or not claims.is_ours(plan, row):
            return
        fresh = ExitLeg.objects.select_for_update().get(pk=leg.pk)
        if fresh.state not in ACTIVE_LEGS or fresh.slices != leg.slices:
            return
        figures = {"held": leg.held, "target": leg.target, "message": ""}
        newest = {"slices": leg.slices + 1, "last_order_id": ticket.client_order_id}
        _move(fresh, LegState.EXITING, figures | newest)
        execution.place(ticket=ticket, actor=_actor(plan), reason=plan.reason)


def _actor(plan: ExitPlan) -> User | str:
    return plan.requested_by or plans.END_OF_DAY


def _ticket(plan: ExitPlan, step: Step) -> execution.Ticket:
    leg, deployment, held = step.leg, step.leg.deployment, step.facts.held or Decimal(0)
    takes = venues.capabilities_of(deployment.account)
    return execution.Ticket(
        deployment=deployment,
        instrument=deployment.instrument,
        side=rules.exit_side(held),
        quantity=step.size,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC if TimeInForce.IOC in takes.times_in_force else TimeInForce.DAY,
        limit_price=looks.price_bound(deployment, step.quote, held, plan.collar_bps),
        purpose=Purpose.EXIT,
        is_reduce_only=takes.has_reduce_only,
        by_person=_is_persons(plan),
        by_plan=True,
        client_order_id=looks.slice_id(leg.pk, leg.slices + 1),
        confirmed=(held, *rules.working_exits(step.facts)),
    )


def _note(plan: ExitPlan, step: Step) -> None:
    """Keep what the leg is doing, if anything of it is new."""
    before = step.leg
    state, message = STATE_OF.get(step.decision.act, LegState.EXITING), step.decision.reason
    with acting(plans.ACTOR, message or "exit plan"):
        row = plans.locked(plan)
        leg = ExitLeg.objects.select_for_update().get(pk=before.pk)
        if row.state in ACTIVE_PLANS and claims.is_ours(plan, row) and leg.state in ACTIVE_LEGS:
            _move(leg, state, {"held": before.held, "target": before.target, "message": message})


def _move(leg: ExitLeg, state: str, changes: dict[str, Any]) -> None:
    """Save what is new of a locked leg."""
    new = {name: value for name, value in changes.items() if getattr(leg, name) != value}
    if leg.state != state:
        states.move(leg, state, LEG_TRANSITIONS, **new)
    elif new:
        for name, value in new.items():
            setattr(leg, name, value)
        leg.save(update_fields=list(new))


def _block(plan: ExitPlan, steps: Sequence[Step], first: Step) -> None:
    why = f"{first.leg.instrument} on {first.leg.account}: {first.decision.reason}"
    with acting(plans.ACTOR, why):
        row = plans.locked(plan)
        if row.state in ACTIVE_PLANS and claims.is_ours(plan, row):
            plans.block(row, [step.leg for step in steps], why)


def _conclude(plan: ExitPlan, steps: Sequence[Step]) -> None:
    """Say where the plan stands after the step, and when the next is due."""
    with acting(plans.ACTOR, "step of an exit plan"):
        row = plans.locked(plan)
        if row.state not in ACTIVE_PLANS or not claims.is_ours(plan, row):
            return
        left = set(row.legs.exclude(state=LegState.DONE).values_list("state", flat=True))
        if not left:
            plans.end(row, PlanState.DONE, "flat")
            audit.record("exit_plan.done", row, scope_id=row.scope_id)
        elif left.isdisjoint(ACTIVE_LEGS):
            plans.end(row, PlanState.BLOCKED, "a leg could not go on")
        else:
            _go_on(row, steps)
            _miss_close(row, steps)


def _go_on(row: ExitPlan, steps: Sequence[Step]) -> None:
    """The plan waits when every leg that is left does; it says for what."""
    open_ones = [step for step in steps if step.decision.act not in (rules.Act.DONE, rules.Act.BLOCK)]
    waits = all(step.decision.act == rules.Act.WAIT for step in open_ones)
    state = PlanState.WAITING if waits else PlanState.RUNNING
    reasons = sorted({f"{step.leg.instrument}: {step.decision.reason}" for step in open_ones})
    message = "; ".join(reasons) or "a step failed and is tried again"
    message = message if waits else ""
    is_soon = any(step.decision.act in SOON for step in open_ones)
    due_at = wall_now() + timedelta(seconds=SOON_S if is_soon else row.step_s)
    ExitPlan.objects.filter(pk=row.pk).update(due_at=due_at, lease_owner="", lease_until=None)
    if state != row.state:
        states.move(row, state, PLAN_TRANSITIONS, message=message)
        nudges.hint("fleet")
    elif message != row.message:
        row.message = message
        row.save(update_fields=["message"])


def _miss_close(row: ExitPlan, steps: Sequence[Step]) -> None:
    """Call people when an end-of-day plan is not through in time: what is left is held over night."""
    if row.closes_at is None or not (_is_past_close(row.closes_at, steps) or _is_in_maintenance(row)):
        return
    alerts.raise_alert(
        tier=Tier.HIGH,
        code="END_OF_DAY_NOT_FLAT",
        title=f"{row.scope} is not flat in time: {row.reason}",
        scope=row.scope,
        target=row,
        dedup_key=f"end-of-day-not-flat:{row.pk}",
        actor=plans.ACTOR,
        reason=row.message or "the plan was not through in time",
    )


def _is_past_close(closes_at: datetime, steps: Sequence[Step]) -> bool:
    return any(step.quote.market_at >= closes_at for step in steps)


def _is_in_maintenance(row: ExitPlan) -> bool:
    """By the wall clock, also of legs that no step was possible for: the venue's own feed may stop with it."""
    left = row.legs.exclude(state=LegState.DONE).values_list("account__venue__scope_id", "instrument_id")
    return any(markets.is_in_maintenance(scope_id, instrument_id, wall_now()) for scope_id, instrument_id in left)
