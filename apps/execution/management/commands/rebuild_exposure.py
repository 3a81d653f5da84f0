"""`manage.py rebuild_exposure`: add exposure and the books of all scopes up anew from orders, fills and positions."""

from dataclasses import asdict
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import transaction

from apps.execution import services
from apps.risk.models import Exposure

FIGURES = ("position", "working_buy", "working_sell")


class Command(BaseCommand):
    """Repairs what disagrees and lists it; with `--check` it changes nothing and fails when something disagrees."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """`--check` only compares."""
        parser.add_argument("--check", action="store_true", help="change nothing; fail when something disagrees")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild everything in one transaction, so that nothing moves in between."""
        with transaction.atomic():
            found = [*self._exposures(), *self._books()]
            if options["check"]:
                transaction.set_rollback(True)
        for line in found:
            self.stdout.write(line)
        self.stdout.write(f"{len(found)} disagreed" if found else "everything agrees")
        if found and options["check"]:
            raise CommandError("exposure does not agree with the orders: run it without --check")

    def _exposures(self) -> list[str]:
        found = []
        for before in Exposure.objects.select_related("scope", "instrument").order_by("id"):
            stood = {name: getattr(before, name) for name in FIGURES}
            after = services.rebuild_exposure(exposure=before)
            now = {name: getattr(after, name) for name in FIGURES}
            if stood != now:
                found.append(f"{before.scope} {before.instrument}: {stood} -> {now}")
        return found

    def _books(self) -> list[str]:
        changed = services.rebuild_books()
        return [
            f"scope {pk}, {mode}: {asdict(before)} -> {asdict(after)}"
            for (pk, mode), (before, after) in changed.items()
        ]
