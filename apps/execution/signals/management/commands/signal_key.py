"""Make, rotate or end the keys with which a source signs its messages."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.context import job
from apps.common.errors import DomainError
from apps.execution.signals import services
from apps.execution.signals.models import SignalSource


class Command(BaseCommand):
    """`signal_key NAME [--rotate | --finish]`: the new key is printed once and is nowhere else to be read."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The source and what to do with its keys."""
        parser.add_argument("source", help="Name of the signal source.")
        step = parser.add_mutually_exclusive_group()
        step.add_argument("--rotate", action="store_true", help="Add a next key; the current one stays valid.")
        step.add_argument("--finish", action="store_true", help="End the old key; the next one is the current.")
        parser.add_argument("--reason", default="by the operator of this machine")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and print the new key, if there is one."""
        source = SignalSource.objects.select_related("deployment__bot__scope").filter(name=options["source"]).first()
        if source is None:
            raise CommandError(f"SOURCE_UNKNOWN: there is no signal source {options['source']}")
        by: dict[str, Any] = {"source": source, "actor": job("signal-key"), "reason": options["reason"]}
        try:
            if options["finish"]:
                services.finish_rotation(**by)
                self.stdout.write(f"{source.name}: the old key is no longer accepted")
                return
            self.stdout.write(services.rotate_keys(**by) if options["rotate"] else services.make_keys(**by))
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
