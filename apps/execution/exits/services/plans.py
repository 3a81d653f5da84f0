"""Starting, stopping and ending exit plans."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from apps.access import services as access
from apps.access.models import Scope, User
from apps.access.states import Permission
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.common import locks, nudges, states
from apps.common.clocks import wall_now
from apps.common.decimals import text_of
from apps.common.errors import Forbidden, Invalid, Refused
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.exits.services import legs as positions
from apps.execution.exits.services.looks import slice_id
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
from apps.execution.states import WORKING

SWEEP = "execution.exits.advance_due"
ACTOR = job("exit-plan")
END_OF_DAY = job("end-of-day")
COLLAR_BPS_MAX, STEP_S_MAX = 1_000, 3_600
ON_PLAN = "another active exit plan has one of these positions already"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a plan sells: collar in basis points, share of the expected volume per slice, wall seconds per step."""

    collar_bps: Decimal = Decimal(50)
    participation: Decimal = Decimal("0.1")
    step_s: int = 5
    keep_protective: bool = True

    def check(self) -> None:
        """Raise Invalid EXIT_PLAN_TERMS for what no plan may have."""
        bounds = {
            "collar_bps": 0 < self.collar_bps <= COLLAR_BPS_MAX,
            "participation": 0 < self.participation <= 1,
            "step_s": 0 < self.step_s <= STEP_S_MAX,
        }
        for field, holds in bounds.items():
            if not holds:
                raise Invalid("EXIT_PLAN_TERMS", f"{field} is outside what a plan may have", field=field)


def start(
    *,
    scope: Scope,
    actor: User,
    reason: str,
    terms: Terms | None = None,
    hedge_groups: Sequence[Sequence[UUID]] = (),
) -> ExitPlan:
    """Take every position below a scope to zero, on a person's authority; the first step is due at once.

    It passes every hold. The venue is not asked: when it does not answer, the plan waits. `hedge_groups` are
    deployment ids that advance together; the others by their strategy. Raises Forbidden PERSON_NEEDED or
    PERMISSION_DENIED; Invalid REASON_MISSING, EXIT_PLAN_TERMS, HEDGE_GROUP_*; Refused NOTHING_TO_EXIT,
    EXIT_PLAN_ACTIVE, POSITION_ON_PLAN.
    """
    _check_person(actor, scope, reason)
    terms = terms or Terms()
    terms.check()
    deployments = positions.positions_below(scope)
    groups = positions.hedge_groups(deployments, hedge_groups)
    plan = ExitPlan(scope=scope, requested_by=actor, source=PlanSource.PERSON, reason=reason)
    return _create(plan, terms, deployments, groups, actor)


def start_end_of_day(*, scope: Scope, deployments: Sequence[Deployment], closes_at: datetime, reason: str) -> ExitPlan:
    """The same before a close, on the authority of the approved bundle: a bot's exits, which a halt keeps back.

    Raises Refused EXIT_PLAN_ACTIVE, POSITION_ON_PLAN.
    """
    plan = ExitPlan(scope=scope, source=PlanSource.END_OF_DAY, closes_at=closes_at, reason=reason)
    groups = positions.hedge_groups(deployments, ())
    return _create(plan, Terms(), deployments, groups, END_OF_DAY)


def _check_person(actor: User, scope: Scope, reason: str) -> None:
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person takes positions out of a bot's hands")
    access.require(actor, Permission.EXIT, scope)
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why; the audit keeps it")


def _create(
    plan: ExitPlan, terms: Terms, deployments: Sequence[Deployment], groups: dict[UUID, int], actor: User | str
) -> ExitPlan:
    if not deployments:
        raise Refused("NOTHING_TO_EXIT", "no bot trades below this scope")
    plan.collar_bps, plan.participation = terms.collar_bps, terms.participation
    plan.step_s, plan.keep_protective = terms.step_s, terms.keep_protective
    plan.due_at = wall_now()
    try:
        with acting(actor, plan.reason):
            _check_free(plan.scope, deployments)
            plan.save(force_insert=True)
            made = ExitLeg.objects.bulk_create([_leg(plan, row, groups[row.pk]) for row in deployments])
            audit.record("exit_plan.started", plan, scope_id=plan.scope_id, after=_terms_of(plan, made))
            nudges.wake(SWEEP)
            nudges.hint("fleet")
    except IntegrityError as error:
        # Somebody else was quicker between the look and the insert; the database let one of us in.
        if "one_active_exit_plan_per_scope" in str(error):
            raise Refused("EXIT_PLAN_ACTIVE", "a plan is at work on this scope") from error
        raise Refused("POSITION_ON_PLAN", ON_PLAN) from error
    return plan


def _check_free(scope: Scope, deployments: Sequence[Deployment]) -> None:
    active = ExitPlan.objects.filter(scope=scope, state__in=ACTIVE_PLANS).first()
    if active is not None:
        raise Refused("EXIT_PLAN_ACTIVE", "a plan is at work on this scope", plan=str(active.pk))
    taken = plans_over(deployments)
    if taken:
        raise Refused("POSITION_ON_PLAN", ON_PLAN, plans=sorted({str(pk) for pk in taken.values()}))


def plans_over(deployments: Sequence[Deployment]) -> dict[UUID, UUID]:
    """The active plan over each deployment's position, by the deployment's id, where there is one."""
    legs = ExitLeg.objects.filter(account__in={row.account_id for row in deployments}, state__in=ACTIVE_LEGS)
    taken = {(leg.account_id, leg.instrument_id): leg.plan_id for leg in legs}
    keys = {row.pk: (row.account_id, row.instrument_id) for row in deployments}
    return {pk: taken[key] for pk, key in keys.items() if key in taken}


def _leg(plan: ExitPlan, deployment: Deployment, hedge_group: int) -> ExitLeg:
    return ExitLeg(
        plan=plan,
        deployment=deployment,
        account=deployment.account,
        instrument=deployment.instrument,
        hedge_group=hedge_group,
    )


def _terms_of(plan: ExitPlan, made: Sequence[ExitLeg]) -> dict[str, Any]:
    return {
        "collar_bps": text_of(plan.collar_bps),
        "participation": text_of(plan.participation),
        "step_s": plan.step_s,
        "keep_protective": plan.keep_protective,
        "legs": [
            {"leg": str(leg.pk), "deployment": str(leg.deployment_id), "hedge_group": leg.hedge_group} for leg in made
        ],
    }


def stop(*, plan: ExitPlan, actor: User, reason: str) -> ExitPlan:
    """Place no further slice and cancel those that work; protective orders stay. Going on is a new plan.

    Raises Forbidden PERSON_NEEDED or PERMISSION_DENIED, Invalid REASON_MISSING, Refused STATE_CONFLICT.
    """
    _check_person(actor, plan.scope, reason)
    with acting(actor, reason):
        row = locked(plan)
        end(row, PlanState.STOPPED, reason)
        for leg in row.legs.select_for_update().filter(state__in=ACTIVE_LEGS):
            states.move(leg, LegState.STOPPED, LEG_TRANSITIONS)
        for order in working_slices(row):
            execution.cancel(order=order, actor=actor, reason=reason)
        audit.record("exit_plan.stopped", row, scope_id=row.scope_id)
    return row


def locked(plan: ExitPlan) -> ExitPlan:
    """The plan read anew with its row locked: every slice and every end of a plan comes under this lock."""
    return locks.row(ExitPlan.objects.select_related("scope", "requested_by"), plan.pk)


def end(row: ExitPlan, state: str, message: str) -> None:
    """Move a locked plan to its end; nothing of it is due any more."""
    changes: dict[str, Any] = {
        "message": message,
        "ended_at": wall_now(),
        "due_at": None,
        "lease_owner": "",
        "lease_until": None,
    }
    states.move(row, state, PLAN_TRANSITIONS, **changes)
    nudges.hint("fleet")


def working_slices(row: ExitPlan) -> list[Order]:
    """The plan's own orders that may still trade."""
    ids = [slice_id(leg.pk, number) for leg in row.legs.all() for number in range(1, leg.slices + 1)]
    working = Order.objects.filter(client_order_id__in=ids, state__in=WORKING)
    return list(working.select_related("bot__scope", "instrument"))


def block(row: ExitPlan, group: Sequence[ExitLeg], why: str) -> None:
    """Give up the legs of a hedge group and call people: one side of a hedge does not go on alone."""
    for leg in ExitLeg.objects.select_for_update().filter(pk__in=[leg.pk for leg in group], state__in=ACTIVE_LEGS):
        states.move(leg, LegState.BLOCKED, LEG_TRANSITIONS, message=why)
    audit.record("exit_plan.blocked", row, scope_id=row.scope_id, after={"why": why})
    alerts.raise_alert(
        tier=Tier.CRITICAL,
        code="EXIT_PLAN_BLOCKED",
        title=f"The exit plan of {row.scope} cannot go on: {why}",
        scope=row.scope,
        target=row,
        dedup_key=f"exit-plan-blocked:{row.pk}",
        actor=ACTOR,
        reason=why,
    )
