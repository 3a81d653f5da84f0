"""Import the signed journal of the offline tool; the venue's word decides what became of the orders."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access import services as access
from apps.common.errors import DomainError
from apps.execution import services


class Command(BaseCommand):
    """`import_offline_journal FILE --actor omar --reason ...`: a second import of the same file changes nothing."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, who imports it and why."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--actor", required=True, help="Sign-in name of the person who imports it.")
        parser.add_argument("--reason", required=True)
        parser.add_argument(
            "--incomplete", action="store_true", help="Take a journal without its end: its machine died."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it and print the counts."""
        try:
            counts = services.import_journal(
                text=options["file"].read_text(encoding="utf-8"),
                actor=access.person_at_terminal(options["actor"]),
                reason=options["reason"],
                is_whole=not options["incomplete"],
            )
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(json.dumps(counts))
