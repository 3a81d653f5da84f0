"""What API and permission tests see of exit plans."""

from decimal import Decimal
from typing import Any

from apps.access.models import User
from apps.execution.exits.models import ExitLeg, ExitPlan


def arrange_exit_plan(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    """A plan of the side's bot that was stopped, so that another may be started."""
    plan = ExitPlan.objects.create(
        scope=objects["bot"].scope,
        state="stopped",
        requested_by=people["trader"],
        reason="arranged",
        collar_bps=50,
        participation=Decimal("0.1"),
        step_s=5,
    )
    place = {"deployment": objects["deployment"], "account": objects["account"], "instrument": objects["instrument"]}
    ExitLeg.objects.create(plan=plan, **place, hedge_group=1, state="stopped")
    objects["exit_plan"] = plan
