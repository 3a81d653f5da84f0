"""Limits and exposure: what bounds whom and how much of it is used, lowering at once, raising with a second person."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from apps.access import selectors
from apps.access import services as access
from apps.access.models import Scope, User
from apps.access.states import Permission, ScopeKind
from apps.common.errors import Invalid
from apps.console import exports, pages
from apps.console.forms import LimitForm, ReasonForm
from apps.console.pages import Request
from apps.console.selectors import exits, exposure, inbox, limits, people
from apps.risk import services as risk
from apps.risk.models import LimitRaise, Throttle
from apps.risk.states import LimitKind

PAGE_SIZE = 50
EXPORT_SCOPES_MAX = 5_000
LIMIT_COLUMNS = (
    "scope_kind", "scope", "mode", "limit", "value", "unit", "used", "headroom", "is_stale", "set_by", "reverts_at",
    "reverts_to",
)  # fmt: skip
EXPOSURE_COLUMNS = (
    "bot", "account", "mode", "instrument", "asset_class", "quantity", "unit", "value_base", "buying_base",
    "selling_base", "pnl_base", "base_currency",
)  # fmt: skip


def index(request: Request, raise_id: UUID | None = None, throttle_id: UUID | None = None) -> HttpResponse:
    """Every limit within reach with its use, the raises that wait, and the bots that are throttled."""
    user = request.user
    page = Paginator(_limited(request), PAGE_SIZE).get_page(request.GET.get("page"))
    shown = limits.views(page.object_list, selectors.firm().base_currency)
    context = {
        "tab": "limits",
        "page": page,
        "shown": shown,
        "raises": limits.raises(user),
        "granted": limits.granted(user),
        "throttles": limits.throttled(user),
        "unbounded": limits.unbounded(user),
        "enables": selectors.visible_scope_ids(user, Permission.RELEASE_HOLD),
        "scopes": limits.settable(user),
        "kinds": LimitKind.choices,
        "scope_kinds": ScopeKind.values,
        "names": people.names_of(view.limit.set_by for scope in shown for view in scope.limits),
        **_around(user),
    }
    return pages.show(request, "console/limits.html", context, {"limit-list": "console/_limits.html"})


@require_GET
def show_exposure(request: Request) -> HttpResponse:
    """What is held and working, by bot, account and instrument, and the sums by one of them."""
    by = request.GET.get("by", "class")
    found = exposure.rows(request.user)
    context = {
        "tab": "exposure",
        "by": by if by in exposure.GROUPS else "class",
        "groups": exposure.GROUPS,
        "totals": exposure.totals(found, by),
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "base": selectors.firm().base_currency,
        **_around(request.user),
    }
    return pages.show(request, "console/exposure.html", context, {"exposure": "console/_exposure.html"})


def _limited(request: Request) -> Any:
    return limits.limited(request.user, request.GET.get("q", "")[:60], request.GET.get("kind", ""))


def _around(user: User) -> dict[str, Any]:
    """What bounds trading besides limits: holds in force and exit plans at work."""
    return {"holds": list(inbox.active_holds(user)[:PAGE_SIZE]), "plans": exits.active(user)}


@require_GET
def export(request: Request) -> StreamingHttpResponse:
    """Limits with their use as CSV."""
    found = limits.views(_limited(request)[:EXPORT_SCOPES_MAX], selectors.firm().base_currency)
    return exports.csv_file("limits.csv", LIMIT_COLUMNS, _limit_lines(found))


def _limit_lines(found: list[limits.ScopeView]) -> Iterator[list[Any]]:
    for scope in found:
        for view in scope.limits:
            row = view.limit
            yield [
                scope.scope.kind, scope.scope.name, scope.mode, row.kind, view.value, view.unit, view.used,
                view.headroom, view.is_stale, row.set_by, view.reverts_at, row.reverts_to if view.reverts_at else None,
            ]  # fmt: skip


@require_GET
def export_exposure(request: Request) -> StreamingHttpResponse:
    """Exposure as CSV."""
    base = selectors.firm().base_currency
    return exports.csv_file(
        "exposure.csv", EXPOSURE_COLUMNS, ([*_exposure_line(row), base] for row in exposure.rows(request.user))
    )


def _exposure_line(row: exposure.Row) -> list[Any]:
    return [
        row.bot.name, row.account.name, row.account.mode, row.instrument.symbol, row.instrument.asset_class,
        row.quantity, row.instrument.base_currency, row.value_base, row.buying_base, row.selling_base, row.pnl_base,
    ]  # fmt: skip


@pages.acts_on(index)
def put(request: Request) -> HttpResponse:
    """Set or lower a limit at once, or ask for a raise."""
    values = pages.cleaned(LimitForm(request.POST))
    scope = pages.reach(request, Scope.objects.all(), "pk", pk=values["scope"])
    access.require(request.user, Permission.SET_LIMITS, scope)
    wanted = {key: values[key] for key in ("kind", "value", "reason")}
    times = {key: values[key] for key in ("effective_from", "expires_at")}
    if request.POST.get("verb") == "raise":
        risk.request_raise(scope=scope, actor=request.user, **wanted, **times)
        return pages.done(request, "A second person must agree to the raise", "limits")
    if any(times.values()):
        raise Invalid(
            "LOWERED_AT_ONCE", "lowering holds at once and stays: leave From and Until empty, or ask to raise"
        )
    risk.set_limit(scope=scope, actor=request.user, **wanted)
    return pages.done(request, "The limit holds from now on", "limits")


@pages.acts_on(index)
def vote(request: Request, raise_id: UUID) -> HttpResponse:
    """Agree to a raise, or not."""
    rows = LimitRaise.objects.select_related("scope", "consent")
    found = pages.reach(request, rows, "scope", pk=raise_id)
    risk.vote_raise(limit_raise=found, **pages.ballot(request))
    return pages.done(request, "The vote counts", "limits")


@pages.acts_on(index)
def enable(request: Request, throttle_id: UUID) -> HttpResponse:
    """Let a bot open again after somebody looked at why it repeated itself."""
    found = pages.reach(request, Throttle.objects.select_related("scope"), "scope", pk=throttle_id)
    access.require(request.user, Permission.RELEASE_HOLD, found.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    risk.enable(throttle=found, actor=request.user, reason=reason)
    return pages.done(request, f"{found.scope} may open again", "limits")
