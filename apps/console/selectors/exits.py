"""Exit plans: what is at work, what ended, and how far each leg has come."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access.models import Scope, User
from apps.access.states import Permission
from apps.console.selectors.people import widest_first
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.exits.states import ACTIVE_LEGS, ACTIVE_PLANS, LegState
from apps.execution.models import Order

ACTIVE_SHOWN = 20


@dataclass(frozen=True, slots=True)
class LegView:
    """A leg with its newest slice."""

    leg: ExitLeg
    order: Order | None

    @property
    def is_active(self) -> bool:
        """Whether it still works on its position."""
        return self.leg.state in ACTIVE_LEGS

    @property
    def percent(self) -> int | None:
        """How much of what was found is closed, 0 to 100; None before the venue has said what it holds."""
        leg = self.leg
        if leg.state == LegState.DONE:
            return 100
        if leg.held is None or not leg.target:
            return None
        return max(0, min(100, int((1 - abs(leg.held) / leg.target) * 100)))

    @property
    def left(self) -> Decimal | None:
        """Units that the venue still holds."""
        return None if self.leg.held is None else abs(self.leg.held)


def exitable(user: User) -> list[Scope]:
    """Scopes that the person may take out of the market, widest first."""
    return widest_first(access.visible_scopes(user, Permission.EXIT))


def visible(user: User) -> QuerySet[ExitPlan]:
    """Plans within reach, newest first."""
    rows = ExitPlan.objects.select_related("scope", "requested_by").prefetch_related("legs")
    return access.within(rows, user, "scope").order_by("-id")


def active(user: User) -> list[ExitPlan]:
    """Plans at work within reach, newest first."""
    return list(visible(user).filter(state__in=ACTIVE_PLANS)[:ACTIVE_SHOWN])


def legs_of(plan: ExitPlan) -> list[LegView]:
    """The legs by hedge group, each with its newest slice."""
    legs = list(
        plan.legs.select_related("deployment__bot", "account__venue", "instrument").order_by("hedge_group", "id")
    )
    ids = [leg.last_order_id for leg in legs if leg.last_order_id]
    orders = {order.client_order_id: order for order in Order.objects.filter(client_order_id__in=ids)}
    return [LegView(leg, orders.get(leg.last_order_id) if leg.last_order_id else None) for leg in legs]
