"""Take the exit plans that are active further from this very process: for when no worker lives."""

import json
from argparse import ArgumentParser
from time import monotonic, sleep
from typing import Any

from django.core.management.base import BaseCommand

from apps.common.decimals import text_of
from apps.execution.exits import services
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.states import ACTIVE_PLANS

PAUSE_S = 1.0


class Command(BaseCommand):
    """`advance_exits --until-done --seconds 600`: needs PostgreSQL and the venues alone."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One pass, or until no plan is active."""
        parser.add_argument("--until-done", action="store_true", help="Stay until every plan has ended.")
        parser.add_argument("--seconds", type=float, default=600.0, help="With --until-done: at most so long.")

    def handle(self, *args: Any, **options: Any) -> None:
        """One line for each plan and whenever something of it is new."""
        ends, told = monotonic() + options["seconds"], dict[str, str]()
        while True:
            plans = services.advance_here()
            for plan in plans:
                self._tell(plan, told)
            is_done = all(plan.state not in ACTIVE_PLANS for plan in plans)
            if is_done or not options["until_done"] or monotonic() >= ends:
                return
            sleep(PAUSE_S)

    def _tell(self, plan: ExitPlan, told: dict[str, str]) -> None:
        legs = plan.legs.select_related("instrument").order_by("id")
        held = {leg.instrument.symbol: None if leg.held is None else text_of(leg.held) for leg in legs}
        text = json.dumps({"plan": str(plan.pk), "state": plan.state, "message": plan.message, "held": held})
        if told.get(str(plan.pk)) != text:
            told[str(plan.pk)] = text
            self.stdout.write(text)
            self.stdout.flush()
