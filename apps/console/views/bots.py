"""A bot: overview with charts, orders, positions, releases, history; and a person's exit."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from apps.access import selectors as firms
from apps.access import services as access
from apps.access.states import Permission
from apps.bots import selectors as owners
from apps.bots.models import Bot
from apps.common.errors import NotFound
from apps.console import pages
from apps.console.forms import CloseForm
from apps.console.pages import Request
from apps.console.selectors import bots, marks, people
from apps.console.selectors.bots import Header
from apps.execution import services as execution
from apps.execution.states import OrderState

PAGE_SIZE = 50
DAYS_SHOWN = 30
TABS = ("overview", "orders", "positions", "releases", "declaration", "history")


def show(request: Request, name: str, tab: str = "overview") -> HttpResponse:
    """One tab of a bot."""
    bot = find(request, name)
    head = bots.header(bot)
    return tab_of(request, bot, head, tab, READERS[tab](bot, head, request.GET.get("page")))


def tab_of(request: Request, bot: Bot, head: Header, tab: str, found: dict[str, Any]) -> HttpResponse:
    """The page of a bot with what a tab has found."""
    context = {
        "bot": bot,
        "head": head,
        "tab": tab,
        "tabs": TABS,
        "may_exit": access.may(request.user, Permission.EXIT, bot.scope),
        "may_enable": access.may(request.user, Permission.RELEASE_HOLD, bot.scope),
        "may_operate": access.may(request.user, Permission.OPERATE, bot.scope),
        "may_build": access.may(request.user, Permission.BUILD, bot.scope),
        "candidates": list(owners.candidates(bot)) if owners.may_hand_over(request.user, bot) else [],
        **found,
    }
    return pages.show(
        request,
        "console/bot.html",
        context,
        {"bot-tab": f"console/bot/_{tab}.html", "bot-head": "console/bot/_head.html"},
    )


def _overview(bot: Bot, head: Header, _: str | None) -> dict[str, Any]:
    return {
        "holdings": bots.holdings(bot),
        "orders": list(bots.orders(bot)[: bots.RECENT]),
        "clocks": [(d.feed, bots.market_time(d.feed)) for d in head.deployments],
    }


def _orders(bot: Bot, _: Header, number: str | None) -> dict[str, Any]:
    page = Paginator(bots.orders(bot), PAGE_SIZE).get_page(number)
    return {"page": page, "orders": page.object_list}


def _positions(bot: Bot, _: Header, number: str | None) -> dict[str, Any]:
    return {
        "closes": [marks.close_view(row) for row in marks.closes_of(bot)[:DAYS_SHOWN]],
        "base": firms.firm().base_currency,
        "holdings": bots.holdings(bot),
        "working": list(bots.working(bot)[:PAGE_SIZE]),
        "page": Paginator(bots.fills(bot), PAGE_SIZE).get_page(number),
    }


def _releases(bot: Bot, _: Header, number: str | None) -> dict[str, Any]:
    return {"page": Paginator(bots.releases(bot), PAGE_SIZE).get_page(number)}


def _history(bot: Bot, _: Header, number: str | None) -> dict[str, Any]:
    page = Paginator(bots.log(bot), PAGE_SIZE).get_page(number)
    return {"page": page, "names": people.names_of(event.actor for event in page.object_list)}


READERS = {
    "overview": _overview,
    "orders": _orders,
    "positions": _positions,
    "releases": _releases,
    "history": _history,
}


@require_GET
def series(request: Request, name: str, deployment_id: str) -> JsonResponse:
    """The series of the charts; `after` (market milliseconds) asks for what is new."""
    bot = find(request, name)
    deployment = bot.deployments.filter(pk=deployment_id).select_related("feed__dataset").first()
    if deployment is None:
        raise NotFound("DEPLOYMENT_UNKNOWN", "this bot has no such deployment")
    after = request.GET.get("after", "")
    found = bots.series(deployment, int(after) if after.isdigit() and len(after) < 16 else None)
    return JsonResponse(found, headers={"Cache-Control": "private, no-store"})


@pages.acts_on(show)
def close(request: Request, name: str) -> HttpResponse:
    """A person's reduce or close ticket."""
    bot = find(request, name)
    access.require(request.user, Permission.EXIT, bot.scope)
    values = pages.cleaned(CloseForm(request.POST))
    deployment = bot.deployments.filter(pk=values["deployment"]).first()
    if deployment is None:
        raise NotFound("DEPLOYMENT_UNKNOWN", "this bot has no such deployment")
    order = execution.close_position(
        deployment=deployment,
        quantity=values["quantity"],
        limit_price=values["limit_price"],
        extended_hours=values["extended_hours"],
        actor=request.user,
        reason=values["reason"],
    )
    word = (
        "The exit was denied: the reason stands below" if order.state == OrderState.DENIED else "The exit is on its way"
    )
    return pages.done(request, word, "order", order.pk)


def find(request: Request, name: str) -> Bot:
    """The bot of that name within reach."""
    return pages.reach(request, bots.visible(request.user), "scope", name=name)
