"""The kill switch from a shell: latch, then cancel at the venue from this very process."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.access import services as access
from apps.access.models import Scope
from apps.access.states import Permission, ScopeKind
from apps.common.errors import DomainError
from apps.execution import services
from apps.risk.models import Hold
from apps.risk.states import CancelChoice, HoldLevel


class Command(BaseCommand):
    """`halt bot:alpha --level HALTED --reason ... --actor omar`: needs PostgreSQL and the venues alone."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The scope, how hard it stops, who stops it and why."""
        parser.add_argument("scope", help=f"KIND:NAME, the kind one of {', '.join(ScopeKind.values)}")
        parser.add_argument("--level", choices=HoldLevel.values, default=HoldLevel.HALTED)
        parser.add_argument("--cancels", choices=CancelChoice.values, default=CancelChoice.OPENING)
        parser.add_argument("--reason", required=True)
        parser.add_argument("--actor", required=True, help="Sign-in name of the person who stops it.")
        parser.add_argument(
            "--wait", action="store_true", help="Stay until the venue has confirmed every cancel, however long."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Latch, say so, drain, say so."""
        try:
            scope, reason = _scope(options["scope"]), options["reason"]
            actor = access.require_at_terminal(
                username=options["actor"], permission=Permission.HOLD, scope=scope, reason=reason
            )
            hold = services.halt(
                scope=scope,
                level=options["level"],
                cancels=options["cancels"],
                actor=actor,
                reason=reason,
                is_drained_here=False,
            )
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(json.dumps({"hold": str(hold.pk), "latch_ms": hold.latch_ms, "permits": hold.open_permits}))
        self.stdout.flush()
        seconds_max = None if options["wait"] else settings.DRAIN_LIST_AFTER_S + 1
        self._say(services.drain_here(hold.pk, seconds_max=seconds_max))

    def _say(self, hold: Hold | None) -> None:
        if hold is not None:
            told = {"drain_state": hold.drain_state, "drain_ms": hold.drain_ms, "left": hold.left}
            self.stdout.write(json.dumps(told))


def _scope(text: str) -> Scope:
    kind, _, name = text.partition(":")
    found = list(Scope.objects.filter(kind=kind, name=name)[:2])
    if len(found) != 1:
        raise CommandError(f"{text!r} names {'no scope' if not found else 'more than one scope'}: say KIND:NAME")
    return found[0]
