"""Make a venue: the place that accounts are held at, through one of the adapters."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access import selectors as access
from apps.access.services import require_at_terminal
from apps.access.states import Permission
from apps.bots.states import Mode
from apps.common.errors import DomainError, Invalid
from apps.venues import services
from apps.venues.models import Venue


class Command(BaseCommand):
    """`add_venue kraken --adapter ccxt --mode live --adapter-settings '{...}' --reason ... --actor adam`."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Its name, the adapter, the mode and the adapter's settings, who makes it and why."""
        parser.add_argument("name", help="Letters, digits, - and _.")
        parser.add_argument("--adapter", required=True, help="paper, alpaca, ccxt, or another below apps/venues.")
        parser.add_argument("--mode", required=True, choices=Mode.values)
        parser.add_argument("--adapter-settings", default="{}", help="JSON object without secrets.")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--actor", required=True, help="Sign-in name of an administrator of the firm.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it and say so."""
        try:
            venue = _make(options)
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(json.dumps({"venue": venue.name, "adapter": venue.adapter, "mode": venue.mode}))


def _make(options: dict[str, Any]) -> Venue:
    """Every desk may hold accounts there, so it takes an administrator of the firm."""
    actor = require_at_terminal(
        username=options["actor"],
        permission=Permission.ADMINISTER,
        scope=access.firm().scope,
        reason=options["reason"],
    )
    return services.make_venue(
        name=options["name"],
        adapter=options["adapter"],
        mode=options["mode"],
        venue_settings=_settings(options["adapter_settings"]),
        actor=actor,
        reason=options["reason"],
    )


def _settings(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Invalid("SETTINGS_MALFORMED", 'the settings are a JSON object, e.g. \'{"exchange": "kraken"}\'')
    return found
