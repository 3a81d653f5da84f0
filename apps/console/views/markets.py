"""Markets: the instruments with their state and reference prices, the FX rates, and the forms that state either.

Both forms need `set_limits` on the firm, as the API does: limits are judged with what is stated here, for all desks.
"""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse

from apps.access import selectors
from apps.access import services as access
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import FxRateForm, MarketStateForm
from apps.console.pages import Request
from apps.console.selectors import markets, people
from apps.markets import services
from apps.markets.models import Instrument
from apps.markets.states import MarketState

PAGE_SIZE = 50


def index(request: Request) -> HttpResponse:
    """Instruments and FX rates, and what is missing for orders to be checked."""
    user, firm = request.user, selectors.firm()
    found = markets.instruments(user, request.GET.get("q", "")[:60])
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    shown, rates = markets.views(page.object_list), markets.rates(user)
    stated_by = [view.status.set_by for view in shown if view.status]
    context = {
        "page": page,
        "shown": shown,
        "rates": rates,
        "gaps": markets.gaps(user),
        "base": firm.base_currency,
        "may_state": access.may(user, Permission.SET_LIMITS, firm.scope),
        "choices": markets.choices(user),
        "states": MarketState.choices,
        "names": people.names_of([*stated_by, *(view.record.actor for view in rates if view.record)]),
    }
    return pages.show(request, "console/markets.html", context, {"market-list": "console/_markets.html"})


@pages.acts_on(index)
def enter_rate(request: Request) -> HttpResponse:
    """Enter a dated FX rate."""
    values = _stated(request, FxRateForm)
    entry = services.set_fx_rate(**values, actor=request.user)
    return pages.done(request, f"The rate from {entry.base} to {entry.quote} is entered", "markets")


@pages.acts_on(index)
def set_state(request: Request) -> HttpResponse:
    """Say how an instrument trades."""
    values = _stated(request, MarketStateForm)
    instrument = pages.reach(request, Instrument.objects.all(), "scope", pk=values.pop("instrument"))
    status = services.set_market_state(instrument=instrument, **values, actor=request.user)
    return pages.done(request, f"{instrument} is stated as {status.state} from now on", "markets")


def _stated(request: Request, form: type[FxRateForm] | type[MarketStateForm]) -> dict[str, Any]:
    """What the form says, from somebody who may state it."""
    access.require(request.user, Permission.SET_LIMITS, selectors.firm().scope)
    return pages.cleaned(form(request.POST))
