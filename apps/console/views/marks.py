"""Official marks: the prices by which days are settled, the form and the file that state them, and the votes.

Stating one needs `set_limits` on the firm, as the API does: by it the day's losses of all desks are measured.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from apps.access import selectors
from apps.access import services as access
from apps.access.states import Permission
from apps.console import exports, pages
from apps.console.forms import MarkFileForm, MarkForm
from apps.console.pages import Request
from apps.console.selectors import markets as listed
from apps.console.selectors import marks as shown
from apps.console.selectors import people
from apps.console.views.markets import ballot
from apps.markets import services
from apps.markets.models import Instrument, OfficialMarkRequest
from apps.markets.states import MarkKind

PAGE_SIZE = 50
MARK_COLUMNS = (
    "instrument", "trading_day", "price", "kind", "source", "revision", "is_corrected", "feed_price",
    "difference_percent", "stated_by", "stated_at",
)  # fmt: skip
CLOSE_COLUMNS = (
    "bot", "account", "mode", "instrument", "trading_day", "opens", "quantity", "unit", "provisional_price",
    "official_price", "difference_percent", "value_base", "restated_base", "pnl_day_base",
    "official_pnl_day_base", "pnl_base",
)  # fmt: skip


def index(request: Request, request_id: UUID | None = None) -> HttpResponse:
    """The marks of all days, what waits for a second person, and the forms."""
    user, firm = request.user, selectors.firm()
    page = Paginator(shown.marks(user, _text(request)), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "shown": [shown.MarkView(row) for row in page.object_list],
        "waiting": shown.waiting(user),
        "may_state": access.may(user, Permission.SET_LIMITS, firm.scope),
        "choices": listed.choices(user),
        "kinds": MarkKind.choices,
        "departs_percent": settings.MARK_DEPARTS_PCT,
        "names": people.names_of(row.stated_by for row in page.object_list),
    }
    return pages.show(request, "console/marks.html", context, {"mark-list": "console/_marks.html"})


@pages.acts_on(index)
def state(request: Request) -> HttpResponse:
    """Enter the official price of a day, or ask for one that one person may not state alone."""
    access.require(request.user, Permission.SET_LIMITS, selectors.firm().scope)
    values = pages.cleaned(MarkForm(request.POST))
    instrument = pages.reach(request, Instrument.objects.all(), "scope", pk=values.pop("instrument"))
    if request.POST.get("verb") == "ask":
        access.require_step_up(request)
        services.request_mark(instrument=instrument, **values, actor=request.user)
        return pages.done(request, "A second person must agree to the mark", "marks")
    mark = services.state_mark(instrument=instrument, **values, actor=request.user)
    return pages.done(request, f"The {mark.kind} of {instrument} on {mark.trading_day} is entered", "marks")


@pages.acts_on(index)
def import_file(request: Request) -> HttpResponse:
    """Enter all marks of a CSV file, or none."""
    access.require(request.user, Permission.SET_LIMITS, selectors.firm().scope)
    values = pages.cleaned(MarkFileForm(request.POST, request.FILES))
    marks = services.import_marks(lines=values["file"], actor=request.user, reason=values["reason"])
    return pages.done(request, f"{len(marks)} marks are entered", "marks")


@pages.acts_on(index)
def vote(request: Request, request_id: UUID) -> HttpResponse:
    """Agree to a mark, or not."""
    values = ballot(request)
    rows = OfficialMarkRequest.objects.select_related("consent", "instrument")
    found = pages.reach(request, rows, "consent__scope", pk=request_id)
    services.vote_mark(request=found, **values)
    return pages.done(request, "The vote counts", "marks")


@require_GET
def export(request: Request) -> StreamingHttpResponse:
    """Marks as CSV."""
    return exports.csv_file("official-marks.csv", MARK_COLUMNS, _mark_lines(request))


def _mark_lines(request: Request) -> Iterator[list[Any]]:
    for row in shown.marks(request.user, _text(request)).iterator(chunk_size=500):
        yield [
            row.instrument.symbol, row.trading_day, row.price, row.kind, row.source, row.revision,
            row.is_corrected, row.feed_price, shown.MarkView(row).departure, row.stated_by, row.created_at,
        ]  # fmt: skip


@require_GET
def days(request: Request) -> HttpResponse:
    """What positions stood at when their trading days ended, provisionally and officially."""
    page = Paginator(shown.closes(request.user, _text(request)), PAGE_SIZE).get_page(request.GET.get("page"))
    base = selectors.firm().base_currency
    context = {"tab": "days", "page": page, "closes": [shown.close_view(row) for row in page.object_list], "base": base}
    return pages.show(request, "console/days.html", context, {"day-list": "console/_days.html"})


@require_GET
def export_days(request: Request) -> StreamingHttpResponse:
    """Day closes as CSV."""
    rows = shown.closes(request.user, _text(request)).iterator(chunk_size=500)
    return exports.csv_file("day-closes.csv", CLOSE_COLUMNS, map(_close_line, map(shown.close_view, rows)))


def _close_line(view: shown.CloseView) -> list[Any]:
    row = view.row
    return [
        row.bot.name, row.account.name, row.account.mode, row.instrument.symbol, row.trading_day, row.opens,
        row.quantity, row.instrument.base_currency, row.provisional_price, view.official, view.departure,
        row.value_base, row.restated_base, row.pnl_day_base, view.pnl_day, row.pnl_base,
    ]  # fmt: skip


def _text(request: Request) -> str:
    return request.GET.get("q", "")[:60]
