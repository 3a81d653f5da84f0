"""Enter how much one currency is worth in another, for when no page can be had."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access import selectors as access
from apps.access.models import User
from apps.access.services import require_at_terminal
from apps.access.states import Permission
from apps.common import decimals
from apps.common.errors import DomainError
from apps.markets import services


class Command(BaseCommand):
    """`set_fx_rate EUR USD 1.0852 --until 2026-03-03T16:00Z --source ECB --reason ... --actor rita`."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The pair, its rate, how long it holds, who enters it and why."""
        parser.add_argument("base", help="One unit of this currency ...")
        parser.add_argument("quote", help="... is worth so many of this one:")
        parser.add_argument("rate")
        parser.add_argument("--from", dest="valid_from", type=moment, help="ISO 8601, UTC when it says no zone. Now.")
        parser.add_argument("--until", dest="valid_until", type=moment, required=True, help="After it: stale.")
        parser.add_argument("--source", required=True, help="Where the rate is from.")
        parser.add_argument("--ask", action="store_true", help="Put it to the vote of a second person.")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--actor", required=True, help="Sign-in name of the person who enters it.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Enter it and say so."""
        asked = {name: options[name] for name in ("base", "quote", "rate", "valid_from", "valid_until", "source")}
        reason = options["reason"]
        try:
            firm = access.firm().scope
            actor = require_at_terminal(
                username=options["actor"], permission=Permission.SET_LIMITS, scope=firm, reason=reason
            )
            told = _put_to_vote(asked, actor, reason) if options["ask"] else _enter(asked, actor, reason)
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(json.dumps(told))


def _enter(asked: dict[str, Any], actor: User, reason: str) -> dict[str, str]:
    entry = services.set_fx_rate(**asked, actor=actor, reason=reason)
    told = {"fx_rate": str(entry.pk), "rate": decimals.text_of(entry.rate), "from": entry.valid_from.isoformat()}
    return told | {"until": entry.valid_until.isoformat()}


def _put_to_vote(asked: dict[str, Any], actor: User, reason: str) -> dict[str, str]:
    row = services.request_fx_rate(**asked, actor=actor, reason=reason)
    return {
        "request": str(row.pk),
        "rate": decimals.text_of(row.rate),
        "vote_until": row.consent.expires_at.isoformat(),
    }


def moment(text: str) -> datetime:
    """A moment in ISO 8601, in UTC when it names no zone; argparse tells of the ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
