"""Write what the offline tool needs to cancel without the platform: open orders and positions, no secrets."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.execution import services


class Command(BaseCommand):
    """`export_orders --out FILE`; a task refreshes the usual file every minute."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to."""
        parser.add_argument("--out", type=Path, help="Default: orders.json below OFFLINE_EXPORT_ROOT.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it and say where."""
        self.stdout.write(str(services.export_orders(options["out"])))
