"""Official marks as people look at them, and what positions stood at when their days ended."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from apps.access import selectors as access
from apps.access.models import User
from apps.access.selectors import Seat
from apps.bots.models import Bot
from apps.console.selectors.markets import departure
from apps.execution.models import DayClose
from apps.markets import selectors as markets
from apps.markets.models import OfficialDay, OfficialMark, OfficialMarkRequest

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

WAITING_SHOWN = 50


class Corrected(TypedDict):
    """Whether another mark counts by now."""

    is_corrected: bool


class Began(TypedDict):
    """What the mark of the day before made of the day's start, base currency; None: it had no close."""

    began_with: Decimal | None


@dataclass(frozen=True, slots=True)
class MarkView:
    """A mark beside what the feed's own last price of its day was when it was stated."""

    row: "WithAnnotations[OfficialMark, Corrected]"

    @property
    def departure(self) -> Decimal | None:
        """By how many percent the mark departs from the feed's price."""
        return departure(self.row.price, self.row.feed_price)


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

    row: "WithAnnotations[DayClose, Began]"
    official: Decimal | None
    pnl_day: Decimal

    @property
    def departure(self) -> Decimal | None:
        """By how many percent the official mark departs from the provisional one."""
        return None if self.official is None else departure(self.official, self.row.provisional_price)


def marks(user: User, text: str = "") -> "QuerySet[WithAnnotations[OfficialMark, Corrected]]":
    """All marks for whoever may view anything, the newest day first; with `text` in the symbol."""
    counts = OfficialDay.objects.filter(mark=OuterRef("pk"))
    rows = OfficialMark.objects.select_related("instrument").annotate(is_corrected=~Exists(counts))
    rows = rows if access.visible_scope_ids(user) else rows.none()
    found = rows.filter(instrument__symbol__icontains=text) if text else rows
    return found.order_by("-trading_day", "instrument__symbol", "-revision")


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


def closes(user: User, text: str = "") -> "QuerySet[WithAnnotations[DayClose, Began]]":
    """What positions within reach stood at when their days ended, newest first; with `text` in the bot's name."""
    rows = access.within(_closes(), user, "bot__scope")
    return rows.filter(bot__name__icontains=text) if text else rows


def closes_of(bot: Bot) -> "QuerySet[WithAnnotations[DayClose, Began]]":
    """What the bot's positions stood at when their days ended, newest first."""
    return _closes().filter(bot=bot)


def _closes() -> "QuerySet[WithAnnotations[DayClose, Began]]":
    before = DayClose.objects.filter(
        bot=OuterRef("bot"),
        account=OuterRef("account"),
        instrument=OuterRef("instrument"),
        opens=OuterRef("trading_day"),
    )
    rows = DayClose.objects.select_related("bot", "account", "instrument", "mark").order_by("-id")
    return rows.annotate(began_with=Subquery(before.values("restated_base")[:1]))


def close_view(row: "WithAnnotations[DayClose, Began]") -> CloseView:
    """A close of `closes` with its official figures: what the day earned from its official start, if that is known."""
    pnl = row.pnl_day_base + row.restated_base - (row.began_with or Decimal(0))
    return CloseView(row, None if row.mark is None else row.mark.price, pnl)
