"""Put a disagreement into the paper venue's books, to see that reconciliation lists it."""

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.common import decimals
from apps.common.errors import DomainError
from apps.venues.paper import drills
from apps.venues.paper.models import PaperMarket


class Command(BaseCommand):
    """`inject_break --account X --kind position|cash|trade`: refused where demos are not allowed."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The account, the kind of break, and what it is about."""
        parser.add_argument("--account", required=True)
        parser.add_argument("--kind", required=True, choices=["position", "cash", "trade"])
        parser.add_argument("--symbol", help="Default: the first that the venue lists.")
        parser.add_argument("--side", choices=["BUY", "SELL"], default="BUY")
        parser.add_argument("--quantity", help="Default: one lot.")
        parser.add_argument("--price", default="1", help="Of the stray trade.")
        parser.add_argument("--amount", default="100", help="Of the cash difference.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Inject it and say so."""
        try:
            _inject(options)
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(f"injected: {options['kind']} on {options['account']}")


def _inject(options: dict[str, Any]) -> None:
    name, kind = options["account"], options["kind"]
    if kind == "cash":
        drills.inject_cash(account_name=name, amount=decimals.parse(options["amount"], "amount"))
        return
    market = _market(options["symbol"])
    quantity = decimals.parse(options["quantity"] or market.lot_size, "quantity")
    if kind == "position":
        signed = quantity if options["side"] == "BUY" else -quantity
        drills.inject_position(account_name=name, symbol=market.symbol, quantity=Decimal(signed))
        return
    drills.inject_trade(
        account_name=name,
        symbol=market.symbol,
        side=options["side"],
        quantity=quantity,
        price=decimals.parse(options["price"], "price"),
    )


def _market(symbol: str | None) -> PaperMarket:
    listed = PaperMarket.objects.order_by("symbol")
    market = listed.filter(symbol=symbol).first() if symbol else listed.first()
    if market is None:
        raise CommandError("the venue lists no such symbol")
    return market
