"""Orders: search, one order with what the venue said, new terms, and a person's cancels."""

from collections import Counter
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse

from apps.access import services as access
from apps.access.models import Scope
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import CancelAllForm, ReasonForm, ReplaceForm
from apps.console.pages import Request
from apps.console.selectors import orders, people
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import WORKING, OrderState, Purpose

PAGE_SIZE = 50


def index(request: Request) -> HttpResponse:
    """Orders within reach, newest first."""
    wanted = orders.Filters(
        state=request.GET.get("state", ""), bot=request.GET.get("bot", "")[:60], id=_uuid(request.GET.get("id", ""))
    )
    page = Paginator(orders.found(request.user, wanted), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "orders": page.object_list,
        "states": OrderState.values,
        "shows_bot": True,
        "in_doubt": orders.for_people(request.user).count(),
        "sweepable": orders.sweepable(request.user),
        "purposes": Purpose.values,
        "chosen": request.POST.getlist("purposes") or [Purpose.OPENING.value],
    }
    return pages.show(request, "console/orders.html", context, {"order-rows": "console/_order_rows.html"})


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip()) if text else None
    except ValueError:
        return None


def show(request: Request, order_id: UUID) -> HttpResponse:
    """One order: what it was, what was checked, what was said to the venue, what happened."""
    order = find(request, order_id)
    events = list(order.events.order_by("sequence"))
    scope, is_in_doubt = order.bot.scope, execution.is_in_doubt(order)
    settlements = orders.settlements(order, request.user)
    context = {
        "order": order,
        "events": events,
        "fills": list(order.fills.select_related("corrects").order_by("venue_sequence")),
        "messages_said": orders.messages(order),
        "anomalies": list(order.anomalies.order_by("-id")),
        "settlements": settlements,
        "is_in_doubt": is_in_doubt,
        "outcomes": [(outcome.value, outcome.label) for outcome in execution.outcomes_of(order)],
        "may_settle": is_in_doubt
        and not any(view.consent for view in settlements)
        and access.may(request.user, Permission.OPERATE, scope),
        "names": people.names_of([order.placed_by, *(event.actor for event in events)]),
        "may_replace": order.state in orders.REPLACEABLE and _may_amend(request, order),
        "may_only_lessen": execution.may_only_lessen(request.user, order),
        "may_only_guard": execution.may_only_guard(request.user, order),
        "cancel_label": "Ask the venue again" if order.cancel_requested else "Cancel this order",
        "may_cancel": order.state in WORKING and access.may(request.user, Permission.EXIT, scope),
    }
    return pages.show(request, "console/order.html", context, {"order": "console/_order.html"})


@pages.acts_on(show)
def cancel(request: Request, order_id: UUID) -> HttpResponse:
    """Ask the venue to cancel it; cancels are never held."""
    order = find(request, order_id)
    access.require(request.user, Permission.EXIT, order.bot.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    execution.cancel_by_hand(order=order, actor=request.user, reason=reason)
    return pages.done(request, "The cancel is on its way", "order", order.pk)


@pages.acts_on(show)
def replace(request: Request, order_id: UUID) -> HttpResponse:
    """Ask the venue for new terms; the old ones hold until it agrees."""
    order = find(request, order_id)
    if not _may_amend(request, order):
        access.require(request.user, Permission.TRADE, order.bot.scope)
    values = pages.cleaned(ReplaceForm(request.POST))
    execution.amend(order=order, actor=request.user, **values)
    return pages.done(
        request, "The new terms are on their way; the old ones hold until the venue agrees", "order", order.pk
    )


@pages.acts_on(index)
def cancel_all(request: Request) -> HttpResponse:
    """Cancel every working order below a scope; what is refused stops no other."""
    values = pages.cleaned(CancelAllForm(request.POST))
    scope = pages.reach(request, Scope.objects.all(), "pk", pk=values["scope"])
    if not any(access.may(request.user, permission, scope) for permission in orders.SWEEPS):
        access.require(request.user, Permission.EXIT, scope)
    swept = execution.cancel_all_by_hand(
        scope=scope, purposes=values["purposes"], actor=request.user, reason=values["reason"]
    )
    return pages.done(request, _outcome(swept.asked, [code for _, code in swept.refused]), "orders")


def _outcome(asked: list[Order], refused: list[str]) -> str:
    """How many cancels are on their way, and how many were refused with which code."""
    text = f"{len(asked)} order{'s' * (len(asked) != 1)} will be cancelled"
    if not refused:
        return text
    counts = ", ".join(f"{number} {code}" for code, number in sorted(Counter(refused).items()))
    return f"{text}; {len(refused)} stay: {counts}"


def _may_amend(request: Request, order: Order) -> bool:
    """Whether the person may ask for any new terms of it."""
    return any(access.may(request.user, permission, order.bot.scope) for permission in execution.AMENDERS)


def find(request: Request, order_id: UUID) -> Order:
    """The order within reach."""
    return pages.reach(request, orders.visible(request.user), "bot__scope", pk=order_id)
