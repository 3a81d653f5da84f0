"""The fleet page."""

from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from apps.access import selectors as access
from apps.access.models import Desk
from apps.console import exports, pages
from apps.console.pages import Request
from apps.console.selectors import fleet
from apps.console.templatetags.quarterdeck import words

PAGE_SIZE = 50
EXPORT_ROWS_MAX = 5_000
HEADER = (
    "mode",
    "bot",
    "strategy",
    "owner",
    "state",
    "stage",
    "build",
    "position",
    "pnl",
    "currency",
    "alerts",
)


def _filters(request: Request) -> fleet.Filters:
    wanted = request.GET
    return fleet.Filters(
        text=wanted.get("q", "")[:60],
        desk=wanted.get("desk", "")[:100],
        mode=wanted.get("mode", ""),
        needs_attention=wanted.get("attention") == "1",
    )


@require_GET
def show(request: Request) -> HttpResponse:
    """Bots × environments."""
    filters = _filters(request)
    page = Paginator(fleet.bots(request.user, filters), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filters": filters,
        "page": page,
        "rows": fleet.rows(page),
        "environments": fleet.SHOWN_ENVIRONMENTS,
        "totals": fleet.totals(request.user),
        "unsafe_workers": fleet.unsafe_workers(),
        "desks": access.within(Desk.objects.order_by("name"), request.user, "scope"),
    }
    return pages.show(request, "console/fleet.html", context, {"fleet-rows": "console/_fleet_rows.html"})


@require_GET
def export(request: Request) -> StreamingHttpResponse:
    """The same list as CSV."""
    found = fleet.rows(fleet.bots(request.user, _filters(request))[:EXPORT_ROWS_MAX])
    return exports.csv_file("fleet.csv", HEADER, map(_line, found))


def _line(row: fleet.FleetRow) -> list[object]:
    running = list(row.deployments.values())
    return [
        row.mode,
        row.bot.name,
        row.bot.strategy.name,
        row.bot.owner.display_name,
        row.standing.name,
        ";".join(words(d.stage) for d in running),
        ";".join(d.release.build_id for d in running),
        ";".join(f"{p.quantity} {p.instrument.symbol}" for p in row.positions),
        row.pnl,
        row.currency,
        ";".join(f"{number} {tier}" for tier, number in row.alerts),
    ]
