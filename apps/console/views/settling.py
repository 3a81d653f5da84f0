"""An order that only the venue's desk can tell about: what they said, and the second person's vote."""

from uuid import UUID

from django.http import HttpResponse

from apps.access import services as access
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import SettleForm
from apps.console.pages import Request
from apps.console.views import orders
from apps.execution import services as execution


@pages.acts_on(orders.show)
def settle(request: Request, order_id: UUID) -> HttpResponse:
    """Say what the venue's desk said; that nothing of the order works takes a second person."""
    order = orders.find(request, order_id)
    access.require(request.user, Permission.OPERATE, order.bot.scope)
    values = pages.cleaned(SettleForm(request.POST))
    asked = execution.settle_by_person(order=order, actor=request.user, **values)
    word = "The order works at the venue" if asked.applied_at else "A second person must agree now"
    return pages.done(request, word, "order", order.pk)


@pages.acts_on(orders.show)
def vote(request: Request, order_id: UUID) -> HttpResponse:
    """Agree to what was said, or not."""
    order = orders.find(request, order_id)
    access.require(request.user, Permission.VOTE_RISK, order.bot.scope)
    execution.vote_settlement(order=order, **pages.ballot(request))
    return pages.done(request, "The vote counts", "order", order.pk)
