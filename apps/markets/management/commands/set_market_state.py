"""Say how an instrument trades, for when no page can be had."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access import selectors as access
from apps.access.services import require_at_terminal
from apps.access.states import Permission
from apps.common import decimals
from apps.common.errors import DomainError, NotFound
from apps.markets import services
from apps.markets.models import Instrument
from apps.markets.states import MarketState


class Command(BaseCommand):
    """`set_market_state BTC-USD halted --source "notice 17" --reason ... --actor rita`; it is stated as a whole."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The instrument, its state and its price band, who says so and why."""
        parser.add_argument("symbol")
        parser.add_argument("state", choices=MarketState.values)
        parser.add_argument("--limit-up", help="No buy above it; left out: no bound.")
        parser.add_argument("--limit-down", help="No sell below it; left out: no bound.")
        parser.add_argument("--source", required=True, help="Who said so, e.g. the exchange's notice.")
        parser.add_argument("--ask", action="store_true", help="Put it to the vote of a second person.")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--actor", required=True, help="Sign-in name of the person who enters it.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Set it and say so."""
        try:
            told = _tell(options)
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(json.dumps({"instrument": options["symbol"]} | told))


def _tell(options: dict[str, Any]) -> dict[str, str]:
    stated = _stated(options)
    if options["ask"]:
        row = services.request_market_state(**stated)
        return {"request": str(row.pk), "vote_until": row.consent.expires_at.isoformat()}
    return {"state": services.set_market_state(**stated).state}


def _stated(options: dict[str, Any]) -> dict[str, Any]:
    actor = require_at_terminal(
        username=options["actor"],
        permission=Permission.SET_LIMITS,
        scope=access.firm().scope,
        reason=options["reason"],
    )
    instrument = Instrument.objects.filter(symbol=options["symbol"]).first()
    if instrument is None:
        raise NotFound("INSTRUMENT_UNKNOWN", f"there is no instrument {options['symbol']!r}")
    bands = {
        name: decimals.parse(options[name], name) for name in ("limit_up", "limit_down") if options[name] is not None
    }
    return {
        "instrument": instrument,
        "state": options["state"],
        "source": options["source"],
        "actor": actor,
        "reason": options["reason"],
        **bands,
    }
