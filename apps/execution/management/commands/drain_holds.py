"""Drain every hold that is not drained, from this very process: for when no worker lives."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.execution import services
from apps.risk.models import Hold
from apps.risk.states import DrainState, HoldState


class Command(BaseCommand):
    """`drain_holds --seconds 60`: takes up what a killed process left half done."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How long to stay with each hold."""
        parser.add_argument("--seconds", type=float, default=60.0, help="At most so long for each hold.")

    def handle(self, *args: Any, **options: Any) -> None:
        """One line for each hold."""
        waiting = Hold.objects.filter(state=HoldState.ACTIVE, drain_state=DrainState.PENDING).order_by("created_at")
        for pk in list(waiting.values_list("pk", flat=True)):
            hold = services.drain_here(pk, seconds_max=options["seconds"])
            if hold is not None:
                self.stdout.write(json.dumps({"hold": str(pk), "drain_state": hold.drain_state, "left": hold.left}))
