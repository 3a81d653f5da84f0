"""Official marks as people look at them, and what positions stood at when their days ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import OuterRef, QuerySet, Subquery

from apps.access import selectors as access
from apps.access.models import User
from apps.access.selectors import Seat
from apps.bots.models import Bot
from apps.execution.models import DayClose
from apps.markets import selectors as markets
from apps.markets.models import OfficialDay, OfficialMark, OfficialMarkRequest

WAITING_SHOWN = 50


@dataclass(frozen=True, slots=True)
class MarkView:
    """A mark, the feed's own last price of its day, and whether another one counts by now."""

    row: OfficialMark
    feed_price: Decimal | None
    is_corrected: bool

    @property
    def departure(self) -> Decimal | None:
        """By how many percent the mark departs from the feed's price."""
        return departure(self.row.price, self.feed_price)


@dataclass(frozen=True, slots=True)
class WaitingMark:
    """A mark that waits for a second person."""

    asked: OfficialMarkRequest
    counts: OfficialMark | None
    seats: list[Seat]
    may_vote: bool

    @property
    def departure(self) -> Decimal | None:
        """By how many percent it departs from what it was measured by."""
        return departure(self.asked.price, self.asked.departs_from)


@dataclass(frozen=True, slots=True)
class CloseView:
    """A position at the end of a day; official figures are None until the mark is known."""

    row: DayClose
    official: Decimal | None
    pnl_day: Decimal

    @property
    def departure(self) -> Decimal | None:
        """By how many percent the official mark departs from the provisional one."""
        return None if self.official is None else departure(self.official, self.row.provisional_price)


def departure(price: Decimal, known: Decimal | None) -> Decimal | None:
    """How far a price is from a known one, in percent, to the hundredth; None without one."""
    return round((price / known - 1) * 100, 2) if known else None


def marks(user: User, text: str = "") -> QuerySet[OfficialMark]:
    """All marks for whoever may view anything, the newest day first; with `text` in the symbol."""
    rows = OfficialMark.objects.select_related("instrument")
    rows = rows if access.visible_scope_ids(user) else rows.none()
    found = rows.filter(instrument__symbol__icontains=text) if text else rows
    return found.order_by("-trading_day", "instrument__symbol", "-revision")


def views(found: Iterable[OfficialMark]) -> list[MarkView]:
    """Each mark beside the feed's price of its day."""
    rows = list(found)
    counted = set(OfficialDay.objects.filter(mark__in=rows).values_list("mark_id", flat=True))
    return [MarkView(row, markets.day_price(row.instrument, row.trading_day), row.pk not in counted) for row in rows]


def waiting(user: User) -> list[WaitingMark]:
    """Marks that wait for a second person, soonest to expire first."""
    if not access.visible_scope_ids(user):
        return []
    found = []
    for row in markets.waiting_marks()[:WAITING_SHOWN]:
        seats = access.seats_of(row.consent)
        counts = markets.counted_mark(row.instrument, row.trading_day)
        found.append(WaitingMark(row, counts, seats, any(user in seat.candidates for seat in seats)))
    return found


def closes(user: User, text: str = "") -> QuerySet[DayClose]:
    """What positions within reach stood at when their days ended, newest first; with `text` in the bot's name."""
    rows = access.within(_closes(), user, "bot__scope")
    return rows.filter(bot__name__icontains=text) if text else rows


def closes_of(bot: Bot) -> QuerySet[DayClose]:
    """What the bot's positions stood at when their days ended, newest first."""
    return _closes().filter(bot=bot)


def _closes() -> QuerySet[DayClose]:
    before = DayClose.objects.filter(
        bot=OuterRef("bot"),
        account=OuterRef("account"),
        instrument=OuterRef("instrument"),
        opens=OuterRef("trading_day"),
    )
    rows = DayClose.objects.select_related("bot", "account", "instrument", "mark").order_by("-id")
    return rows.annotate(began_with=Subquery(before.values("restated_base")[:1]))


def close_view(row: DayClose) -> CloseView:
    """A close of `closes` with its official figures: what the day earned from its official start, if that is known."""
    began_with: Decimal | None = getattr(row, "began_with", None)
    pnl = row.pnl_day_base + row.restated_base - (began_with or Decimal(0))
    return CloseView(row, None if row.mark is None else row.mark.price, pnl)
