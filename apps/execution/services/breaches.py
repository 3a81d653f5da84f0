"""Passive breaches: which lines of scopes are traded on, and the working orders that do not fit there any more.

Every sweep reads what to do from the database, so the next one makes up for one that was killed: orders that nobody
asked to cancel below a hold that stands, and beyond a limit in force. Only what opens is cancelled; what guards or
closes a position stays.
"""

from decimal import Decimal

import structlog
from django.db import DatabaseError
from django.db.models import Q
from quarterdeck.decimals import EXACT

from apps.access.models import Scope
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit.context import job
from apps.common.decimals import text_of
from apps.common.errors import DomainError
from apps.deployments.models import Deployment
from apps.execution.models import Order
from apps.execution.selectors import below
from apps.execution.services import hedged, ledger, orders, valuing
from apps.execution.states import WORKING, Purpose
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.risk.states import HoldSource, HoldState, LimitKind

log = structlog.get_logger(__name__)
ACTOR = job("limits")
CODE = "OPENINGS_CANCELLED"
OPENING = Q(purpose=Purpose.OPENING, state__in=WORKING)


def contain_breaches() -> int:
    """Compare what is held with the limits in force; how many are exceeded. As `risk.services.contain_breaches`.

    Below a hold that a limit placed every working opening order is cancelled while the hold stands. Where what is held
    is within a limit of gross or net, and would not be with what works to open more, the newest opening orders are
    cancelled until it would, nothing is held, and one HIGH OPENINGS_CANCELLED is raised, which people resolve.
    """
    lines = [_line(deployment) for deployment in _in_use()]
    over = risk.contain_breaches(lines)
    for hold in Hold.objects.filter(source=HoldSource.LIMITS, state=HoldState.ACTIVE).select_related("scope"):
        with risk.apart(str(hold.scope)):
            _cancel_below(hold)
    for crowded, scope in _smallest_first(risk.crowded(lines)):
        with risk.apart(str(scope)):
            _make_fit(crowded, scope)
    with risk.apart("exits that a hedge keeps back"):
        hedged.clear_ended()
    return over


def _in_use() -> list[Deployment]:
    """What trades or holds something, and what has left opening orders working, as one that is paused may have."""
    working = Order.objects.filter(OPENING).values("deployment")
    resting = Deployment.objects.filter(pk__in=working).select_related(*valuing.RELATED)
    known = {(deployment.bot_id, deployment.account_id): deployment for deployment in (*resting, *valuing.in_use())}
    return list(known.values())


def _line(deployment: Deployment) -> risk.Line:
    return risk.Line(
        bot_scope_id=deployment.bot.scope_id,
        instrument_scope_id=deployment.instrument.scope_id,
        mode=deployment.account.mode,
        scope_ids=frozenset(ledger.scope_ids(deployment)),
        bundle=deployment.limits,
    )


def _openings(scope: Scope) -> list[Order]:
    """What bots have working below a scope to open more and nobody has asked to cancel yet, the newest first."""
    own = Order.objects.filter(OPENING, below(scope), by_person=False, cancel_requested=False)
    return list(own.select_related("bot__scope", "account", "instrument").order_by("-id"))


def _cancel_below(hold: Hold) -> None:
    for order in _openings(hold.scope):
        _cancel(order, f"{hold.scope} passed a limit: nothing opens below it")


def _smallest_first(found: list[risk.Crowded]) -> list[tuple[risk.Crowded, Scope]]:
    """In one order whatever the plan: what is cancelled for a bot may be enough for what is above it."""
    scopes = Scope.objects.in_bulk({one.scope_id for one in found})
    with_scopes = [(one, scopes[one.scope_id]) for one in found]
    return sorted(with_scopes, key=lambda pair: (-len(pair[1].lineage), pair[1].path, pair[0].kind, pair[0].sides))


def _make_fit(crowded: risk.Crowded, scope: Scope) -> None:
    """Cancel the newest opening orders until what is held and the rest of them are within the limit.

    What was asked for before counts as gone: it may take the venue longer than a sweep. People are told before the
    first is cancelled, where a breach of what is held does not tell them already.
    """
    working = [
        order
        for order in _openings(scope)
        if order.account.mode == crowded.mode and order.side in crowded.sides and order.reserved_quantity
    ]
    could_be = crowded.held
    for order in working:
        could_be = EXACT.add(could_be, _worth(order))
    if could_be <= crowded.bound:
        return
    what, _, _ = LimitKind(crowded.kind).label.partition(",")
    why = f"{what} could come to {text_of(could_be)}, its limit {text_of(crowded.bound)} ({crowded.mode})"
    if crowded.held <= crowded.bound:
        _tell(crowded, scope, why)
    for order in working:
        if could_be <= crowded.bound:
            return
        _cancel(order, why)
        could_be = EXACT.subtract(could_be, _worth(order))


def _worth(order: Order) -> Decimal:
    return risk.worth(order.reserved_quantity, order.unit_base)


def _tell(crowded: risk.Crowded, scope: Scope, why: str) -> None:
    alerts.raise_alert(
        tier=Tier.HIGH,
        code=CODE,
        title=f"Opening orders below {scope} are cancelled: {why}",
        scope=scope,
        detail={"kind": str(crowded.kind), "mode": crowded.mode, "limit": text_of(crowded.bound)},
        dedup_key=f"openings-cancelled:{scope.pk}:{crowded.mode}:{crowded.kind}",
        actor=ACTOR,
        reason=why,
    )


def _cancel(order: Order, reason: str) -> None:
    try:
        orders.cancel(order=order, actor=ACTOR, reason=reason)
    except (DomainError, DatabaseError) as error:
        log.exception("breach.not_cancelled", order=str(order.pk), error=type(error).__name__)
