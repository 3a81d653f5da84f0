"""Plans to leave a floor with, and the workers that carry them out."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

from apps.execution import services as execution
from apps.execution.exits import services as exits
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.exits.tasks import advance_due
from apps.execution.models import Order
from apps.venues.adapters.base import NoAnswer
from apps.venues.models import Account
from apps.venues.paper.models import PaperPosition
from tests.execution.builders import Floor, work_orders

# A second is a bar of 1,000 units on the floor: two units a slice.
SLOWLY = exits.Terms(participation=Decimal("0.002"), step_s=1)


def start(floor: Floor, **overrides: Any) -> ExitPlan:
    """The trader leaves the bot's position, two units at a time."""
    fields = {"scope": floor.bot.scope, "actor": floor.trader, "reason": "get out", "terms": SLOWLY}
    return exits.start(**(fields | overrides))


def turn(floor: Floor, times: int = 1) -> None:
    """What all workers do in a second, and the second."""
    for _ in range(times):
        advance_due()
        work_orders()
        floor.pass_time(1)
        for account in Account.objects.all():
            with suppress(NoAnswer):
                execution.sync_account(account)


def until_ended(floor: Floor, plan: ExitPlan, turns_max: int = 30) -> ExitPlan:
    """Turn until the plan has ended."""
    for _ in range(turns_max):
        plan.refresh_from_db()
        if plan.ended_at is not None:
            return plan
        turn(floor)
    raise AssertionError(f"the plan is {plan.state} after {turns_max} turns: {plan.message}")


def held(floor: Floor) -> Decimal:
    """What the venue says that the account holds."""
    found = PaperPosition.objects.filter(account__name=floor.account.name, symbol=floor.instrument.symbol).first()
    return found.quantity if found else Decimal(0)


def leg_of(plan: ExitPlan) -> ExitLeg:
    """The one leg of a plan."""
    return plan.legs.get()


def exit_orders(floor: Floor) -> list[Order]:
    """The exits of the floor, oldest first."""
    return list(Order.objects.filter(purpose="EXIT", account=floor.account).order_by("id"))
