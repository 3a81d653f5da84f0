"""Markets: the instruments with state and reference prices, maintenance, the FX rates, and the forms that state them.

The forms need `set_limits` on the firm, as the API does: limits are judged with what is stated here, for all desks.
What one person may not state alone is asked for by the same forms and voted on beside them.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse

from apps.access import selectors
from apps.access import services as access
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import FxRateForm, MarketStateForm
from apps.console.pages import Request
from apps.console.selectors import maintenance, markets, people
from apps.markets import services
from apps.markets.models import FxRateRequest, Instrument, MarketStateRequest
from apps.markets.states import MarketState

PAGE_SIZE = 50


def index(request: Request, request_id: UUID | None = None, window_id: UUID | None = None) -> HttpResponse:
    """Instruments, maintenance and FX rates, and what is missing for orders to be checked."""
    user, firm = request.user, selectors.firm()
    found = markets.instruments(user, request.GET.get("q", "")[:60])
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    shown, rates, windows = markets.views(page.object_list), markets.rates(user), maintenance.upcoming(user)
    stated_by = [view.status.set_by for view in shown if view.status] + [view.row.set_by for view in windows]
    context = {
        "page": page,
        "shown": shown,
        "rates": rates,
        "windows": windows,
        "venues": maintenance.venues(user),
        "gaps": markets.gaps(user),
        "waiting": markets.waiting(user),
        "base": firm.base_currency,
        "may_state": access.may(user, Permission.SET_LIMITS, firm.scope),
        "choices": markets.choices(user),
        "states": MarketState.choices,
        "maintenance_days": settings.MAINTENANCE_MAX_D,
        "valid_days": settings.FX_RATE_VALID_MAX_D,
        "departs_percent": settings.FX_RATE_DEPARTS_PCT,
        "names": people.names_of([*stated_by, *(view.record.actor for view in rates if view.record)]),
    }
    return pages.show(request, "console/markets.html", context, {"market-list": "console/_markets.html"})


@pages.acts_on(index)
def enter_rate(request: Request) -> HttpResponse:
    """Enter a dated FX rate, or ask for one that one person may not enter alone."""
    values = _stated(request, FxRateForm)
    if request.POST.get("verb") == "ask":
        access.require_step_up(request)
        services.request_fx_rate(**values, actor=request.user)
        return pages.done(request, "A second person must agree to the rate", "markets")
    entry = services.set_fx_rate(**values, actor=request.user)
    return pages.done(request, f"The rate from {entry.base} to {entry.quote} is entered", "markets")


@pages.acts_on(index)
def set_state(request: Request) -> HttpResponse:
    """Say how an instrument trades, or ask for what lets more trade."""
    values = _stated(request, MarketStateForm)
    instrument = pages.reach(request, Instrument.objects.all(), "scope", pk=values.pop("instrument"))
    if request.POST.get("verb") == "ask":
        access.require_step_up(request)
        services.request_market_state(instrument=instrument, **values, actor=request.user)
        return pages.done(request, "A second person must agree to the state", "markets")
    status = services.set_market_state(instrument=instrument, **values, actor=request.user)
    return pages.done(request, f"{instrument} is stated as {status.state} from now on", "markets")


@pages.acts_on(index)
def vote_rate(request: Request, request_id: UUID) -> HttpResponse:
    """Agree to a rate, or not."""
    values = ballot(request)
    rows = FxRateRequest.objects.select_related("consent")
    found = pages.reach(request, rows, "consent__scope", pk=request_id)
    services.vote_fx_rate(request=found, **values)
    return pages.done(request, "The vote counts", "markets")


@pages.acts_on(index)
def vote_state(request: Request, request_id: UUID) -> HttpResponse:
    """Agree to a market state, or not."""
    values = ballot(request)
    rows = MarketStateRequest.objects.select_related("consent", "instrument")
    found = pages.reach(request, rows, "consent__scope", pk=request_id)
    services.vote_market_state(request=found, **values)
    return pages.done(request, "The vote counts", "markets")


def _stated(request: Request, form: type[FxRateForm] | type[MarketStateForm]) -> dict[str, Any]:
    """What the form says, from somebody who may state it."""
    access.require(request.user, Permission.SET_LIMITS, selectors.firm().scope)
    return pages.cleaned(form(request.POST))


def ballot(request: Request) -> dict[str, Any]:
    """The vote of somebody who may vote and has just proved who they are."""
    access.require(request.user, Permission.VOTE_RISK, selectors.firm().scope)
    access.require_step_up(request)
    return pages.ballot(request)
