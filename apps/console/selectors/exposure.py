"""Exposure: what is held and working, by bot, account and instrument, in units and in base currency."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Sum

from apps.access import selectors as access
from apps.access.models import User
from apps.bots.models import Bot
from apps.execution.models import Order, Position
from apps.execution.states import WORKING
from apps.markets.models import Instrument
from apps.risk import services as risk
from apps.venues.models import Account

ZERO = Decimal(0)
GROUPS = {"class": "asset class", "instrument": "instrument", "account": "account", "bucket": "bucket"}
Key = tuple[UUID, UUID, UUID]


@dataclass(slots=True)
class Row:
    """One bot's exposure in an instrument on an account: units signed, worth in base currency."""

    bot: Bot
    account: Account
    instrument: Instrument
    quantity: Decimal = ZERO
    value_base: Decimal = ZERO
    pnl_base: Decimal = ZERO
    buying: Decimal = ZERO
    selling: Decimal = ZERO
    buying_base: Decimal = ZERO
    selling_base: Decimal = ZERO

    @property
    def worst_base(self) -> Decimal:
        """The size if everything that works were filled, base currency."""
        return abs(self.value_base) + self.buying_base + self.selling_base


@dataclass(slots=True)
class Total:
    """The sum over the rows of one group, base currency."""

    name: str
    rows: int = 0
    gross: Decimal = ZERO
    net: Decimal = ZERO
    buying: Decimal = ZERO
    selling: Decimal = ZERO
    pnl: Decimal = ZERO


def rows(user: User) -> list[Row]:
    """Every position and everything that works within reach, the largest first."""
    found: dict[Key, Row] = {}
    positions = Position.objects.exclude(quantity=0, value_base=0, pnl_base=0)
    related = ("bot__strategy__bucket", "account__venue", "instrument")
    for held in access.within(positions.select_related(*related), user, "bot__scope"):
        row = Row(held.bot, held.account, held.instrument, held.quantity, held.value_base, held.pnl_base)
        found[held.bot_id, held.account_id, held.instrument_id] = row
    _add_working(found, user)
    return sorted(found.values(), key=lambda row: (-row.worst_base, row.bot.name, row.instrument.symbol))


def _add_working(found: dict[Key, Row], user: User) -> None:
    """What orders reserve, added to the rows; a row of its own where nothing is held yet."""
    orders = access.within(Order.objects.filter(state__in=WORKING), user, "bot__scope").order_by()
    by_price = orders.values_list("bot_id", "account_id", "instrument_id", "side", "unit_base")
    sums = list(by_price.annotate(units=Sum(F("reserved_quantity"))).filter(units__gt=0))
    _open_rows(found, {(bot, account, instrument) for bot, account, instrument, *_ in sums} - found.keys())
    for bot, account, instrument, side, unit_base, units in sums:
        row = found[bot, account, instrument]
        if side == "BUY":
            row.buying, row.buying_base = row.buying + units, row.buying_base + risk.worth(units, unit_base)
        else:
            row.selling, row.selling_base = row.selling + units, row.selling_base + risk.worth(units, unit_base)


def _open_rows(found: dict[Key, Row], missing: set[Key]) -> None:
    bots = Bot.objects.select_related("strategy__bucket").in_bulk({bot for bot, _, _ in missing})
    accounts = Account.objects.select_related("venue").in_bulk({account for _, account, _ in missing})
    instruments = Instrument.objects.in_bulk({instrument for _, _, instrument in missing})
    for bot, account, instrument in missing:
        found[bot, account, instrument] = Row(bots[bot], accounts[account], instruments[instrument])


def totals(found: Iterable[Row], by: str) -> list[Total]:
    """Sums by one of GROUPS, the largest first."""
    sums: dict[str, Total] = {}
    for row in found:
        total = sums.setdefault(_group(row, by), Total(_group(row, by)))
        total.rows += 1
        total.gross += abs(row.value_base)
        total.net += row.value_base
        total.buying += row.buying_base
        total.selling += row.selling_base
        total.pnl += row.pnl_base
    return sorted(sums.values(), key=lambda total: (-total.gross, total.name))


def _group(row: Row, by: str) -> str:
    names = {
        "class": row.instrument.get_asset_class_display(),
        "instrument": row.instrument.symbol,
        "account": row.account.name,
        "bucket": row.bot.strategy.bucket.name,
    }
    return str(names.get(by, names["class"]))
