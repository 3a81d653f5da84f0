"""Make our record of an account at a venue, below a risk bucket."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from apps.access.models import RiskBucket
from apps.access.services import require_at_terminal
from apps.access.states import Permission
from apps.bots.states import Environment
from apps.common import decimals
from apps.common.errors import DomainError, NotFound, Refused
from apps.venues import services
from apps.venues.models import Account, Venue
from apps.venues.paper import services as paper

PAPER = "paper"


class Command(BaseCommand):
    """`add_account main --venue kraken --bucket Trend --environment live --currency USD --reason ... --actor adam`."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Its name, where it is and whose, its environment, which decides the mode, and what is in it."""
        parser.add_argument("name", help="Letters, digits, - and _; the key file is named after it.")
        parser.add_argument("--venue", required=True)
        parser.add_argument("--bucket", required=True, help="Name of the risk bucket that owns it.")
        parser.add_argument("--environment", required=True, choices=Environment.values)
        parser.add_argument("--currency", required=True, help="What its cash is in, e.g. USD.")
        parser.add_argument("--opening-cash", default="0", help="What is there before our first fill.")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--actor", required=True, help="Sign-in name of an administrator of the bucket's desk.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, say so, and say where its keys belong."""
        try:
            account = _make(options)
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        told = {"account": account.name, "venue": account.venue.name, "mode": account.mode}
        if account.venue.adapter != PAPER:
            told["keys"] = str(Path(settings.VENUE_KEYS_ROOT) / f"{account.name}.json")
        self.stdout.write(json.dumps(told))


def _make(options: dict[str, Any]) -> Account:
    reason = options["reason"]
    bucket = _named(RiskBucket.objects.select_related("scope"), options["bucket"])
    actor = require_at_terminal(
        username=options["actor"], permission=Permission.ADMINISTER, scope=bucket.scope, reason=reason
    )
    with transaction.atomic():
        account = services.make_account(
            venue=_named(Venue.objects.all(), options["venue"]),
            bucket=bucket,
            name=options["name"],
            environment=options["environment"],
            currency=options["currency"],
            opening_cash=options["opening_cash"],
            actor=actor,
            reason=reason,
        )
        if account.venue.adapter == PAPER:
            _open_books(account)
    return account


def _named(rows: Any, name: str) -> Any:
    found = rows.filter(name=name).first()
    if found is None:
        raise NotFound("REFERENCE_NOT_FOUND", f"there is no {rows.model._meta.verbose_name} named {name!r}")
    return found


def _open_books(account: Account) -> None:
    """At our own venue somebody has to open the account; books that are there already must say the same."""
    books = paper.open_account(name=account.name, currency=account.currency, opening_cash=account.opening_cash)
    if (books.currency, books.opening_cash) != (account.currency, account.opening_cash):
        cash = decimals.text_of(books.opening_cash)
        raise Refused("PAPER_BOOKS_DIFFER", f"the paper venue opened {account} with {cash} {books.currency}")
