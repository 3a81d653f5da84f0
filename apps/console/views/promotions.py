"""Promotions: the list, the page of one with evidence beside the diff, and the votes."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.access import services as access
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import ReasonForm
from apps.console.pages import Request
from apps.console.selectors import promotions as dossiers
from apps.promotions import services as promotions
from apps.promotions.models import Promotion
from apps.promotions.states import PromotionState

PAGE_SIZE = 50


@require_GET
def index(request: Request) -> HttpResponse:
    """Promotions within reach, newest first."""
    rows = dossiers.visible(request.user)
    state = request.GET.get("state", "")
    if state in PromotionState.values:
        rows = rows.filter(state=state)
    if bot := request.GET.get("bot"):
        rows = rows.filter(bot__name=bot)
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "states": PromotionState.values,
        "state": state,
    }
    return pages.show(request, "console/promotions.html", context, {"promotion-rows": "console/_promotion_rows.html"})


def show(request: Request, number: int) -> HttpResponse:
    """One promotion: evidence beside the diff, and the votes."""
    promotion = _find(request, number)
    found = dossiers.dossier(promotion, request.user)
    may_vote = any(request.user in seat.candidates for seat in found.seats)
    context = {
        "promotion": promotion,
        "found": found,
        "may_vote": may_vote and promotion.state == PromotionState.VOTING,
        "may_withdraw": request.user == promotion.requested_by and promotion.state in dossiers.WAITS,
        "environments": [promotion.environment],
    }
    parts = {"promotion": "console/_promotion.html"}
    return pages.show(request, "console/promotion.html", context, parts)


@pages.acts_on(show)
def vote(request: Request, number: int) -> HttpResponse:
    """Approve or deny exactly what was shown."""
    promotion = _find(request, number)
    ballot = pages.ballot(request)
    promotions.vote(promotion=promotion, **ballot)
    word = "Approved" if ballot["approve"] else "Denied"
    return pages.done(request, f"{word} {promotion}", "promotion", number)


@pages.acts_on(show)
def withdraw(request: Request, number: int) -> HttpResponse:
    """The requester takes it back."""
    promotion = _find(request, number)
    access.require(request.user, Permission.BUILD, promotion.bot.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    promotions.withdraw(promotion=promotion, actor=request.user, reason=reason)
    return pages.done(request, f"Withdrew {promotion}", "promotion", number)


def _find(request: Request, number: int) -> Promotion:
    return pages.reach(request, dossiers.visible(request.user), "bot__scope", number=number)
