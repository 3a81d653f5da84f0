"""Home: what waits for me, then how the fleet is."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.alerts import selectors as alerts
from apps.console import pages
from apps.console.pages import Request
from apps.console.selectors import fleet, home, inbox

SHOWN = 10


@require_GET
def show(request: Request) -> HttpResponse:
    """What needs me first."""
    user = request.user
    context = {
        "tasks": home.tasks(user),
        "alerts": list(alerts.standing(user)[:SHOWN]),
        "breaks": list(inbox.open_breaks(user)[:SHOWN]),
        "holds": list(inbox.active_holds(user)[:SHOWN]),
        "feeds": inbox.feeds_needing_attention(user),
        "totals": fleet.totals(user),
        "standings": home.standings(user),
        "rows": fleet.rows(fleet.bots(user, fleet.Filters())[:SHOWN]),
    }
    return pages.show(request, "console/home.html", context, {"home": "console/_home.html"})
