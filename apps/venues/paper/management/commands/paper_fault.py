"""Tell the paper venue to fail: drop, delay, double, reorder, refuse, go down, undo a trade."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.common.clocks import wall_now
from apps.common.errors import DomainError
from apps.venues.paper import drills, faults
from apps.venues.paper.states import Call, FaultKind


class Command(BaseCommand):
    """`paper_fault KIND --call submit --account X`, `--clear` to end them; refused where demos are not allowed."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What goes wrong, for which calls of whom, how often and how long."""
        parser.add_argument("kind", nargs="?", choices=FaultKind.values)
        parser.add_argument("--account", default="", help="Default: every account of the venue.")
        parser.add_argument("--call", choices=Call.values, help="Default: any, or the one that the kind is for.")
        parser.add_argument("--count", type=int, help="How many calls. Default: 1, or with --seconds all of them.")
        parser.add_argument("--seconds", type=float, help="Ends after so many seconds.")
        parser.add_argument("--delay-ms", type=int, default=0)
        parser.add_argument("--code", default="", help="What a reject says.")
        parser.add_argument("--trade", help="With bust: undo this trade now.")
        parser.add_argument("--clear", action="store_true", help="End the open faults of --account, or all.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say so."""
        try:
            self.stdout.write(_act(options))
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.message}") from error


def _act(options: dict[str, Any]) -> str:
    kind, account = options["kind"], options["account"]
    if options["clear"]:
        return f"cleared: {faults.clear_faults(account_name=account or None)}"
    if kind is None:
        raise CommandError("name a kind of fault, or --clear")
    if kind == FaultKind.BUST and options["trade"]:
        report = drills.inject_bust(account_name=account, trade_id=options["trade"])
        return f"undone: {report.refers_to}"
    seconds, count = options["seconds"], options["count"]
    fault = faults.inject_fault(
        kind=kind,
        call=options["call"],
        account_name=account,
        count=count if count or seconds else 1,
        until=wall_now() + timedelta(seconds=seconds) if seconds else None,
        delay_ms=options["delay_ms"],
        code=options["code"],
    )
    return f"waiting: {fault.kind} for {fault.call} of {fault.account or 'every account'}"
