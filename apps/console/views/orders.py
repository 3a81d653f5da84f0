"""Orders: search, one order with its events, and a person's cancel."""

from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.access import selectors
from apps.access import services as access
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import ReasonForm
from apps.console.pages import Request
from apps.console.selectors import people
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import WORKING, OrderState

PAGE_SIZE = 50


def _rows() -> QuerySet[Order]:
    return Order.objects.select_related(
        "bot__scope", "account__venue", "instrument", "deployment__release__code_version", "cycle"
    ).order_by("-id")


@require_GET
def index(request: Request) -> HttpResponse:
    """Orders within reach, newest first."""
    rows = selectors.within(_rows(), request.user, "bot__scope")
    state, bot = request.GET.get("state", ""), request.GET.get("bot", "")[:60]
    if state == "working":
        rows = rows.filter(state__in=WORKING)
    elif state in OrderState.values:
        rows = rows.filter(state=state)
    if bot:
        rows = rows.filter(bot__name__icontains=bot)
    if wanted := _uuid(request.GET.get("id", "")):
        rows = rows.filter(client_order_id=wanted) | rows.filter(trace_id=wanted) | rows.filter(pk=wanted)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "orders": page.object_list, "states": OrderState.values, "shows_bot": True}
    return pages.show(request, "console/orders.html", context, {"order-rows": "console/_order_rows.html"})


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip()) if text else None
    except ValueError:
        return None


def show(request: Request, order_id: UUID) -> HttpResponse:
    """One order: what it was, what was checked, what happened."""
    order = _find(request, order_id)
    events = list(order.events.order_by("sequence"))
    context = {
        "order": order,
        "events": events,
        "fills": list(order.fills.order_by("venue_sequence")),
        "names": people.names_of([order.placed_by, *(event.actor for event in events)]),
        "may_cancel": order.state in WORKING
        and not order.cancel_requested
        and access.may(request.user, Permission.EXIT, order.bot.scope),
    }
    return pages.show(request, "console/order.html", context, {"order": "console/_order.html"})


@pages.acts_on(show)
def cancel(request: Request, order_id: UUID) -> HttpResponse:
    """Ask the venue to cancel it; cancels are never held."""
    order = _find(request, order_id)
    access.require(request.user, Permission.EXIT, order.bot.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    execution.cancel(order=order, actor=request.user, reason=reason)
    return pages.done(request, "The cancel is on its way", "order", order.pk)


def _find(request: Request, order_id: UUID) -> Order:
    return pages.reach(request, _rows(), "bot__scope", pk=order_id)
