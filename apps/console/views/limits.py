"""Limits: what bounds whom, lowering at once, raising with a second person."""

from uuid import UUID

from django.http import HttpResponse

from apps.access import services as access
from apps.access.models import Scope
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import LimitForm, VoteForm
from apps.console.pages import Request
from apps.console.selectors import limits, people
from apps.risk import services as risk
from apps.risk.models import LimitRaise
from apps.risk.states import LimitKind


def index(request: Request, raise_id: UUID | None = None) -> HttpResponse:
    """Every limit within reach with its use, and the raises that wait."""
    user = request.user
    scopes = limits.settable(user)
    in_force = limits.in_force(user)
    context = {
        "in_force": in_force,
        "raises": limits.raises(user),
        "scopes": scopes,
        "kinds": LimitKind.choices,
        "settable": {scope.pk for scope in scopes},
        "names": people.names_of(view.limit.set_by for view in in_force),
    }
    return pages.show(request, "console/limits.html", context, {"limit-list": "console/_limits.html"})


@pages.acts_on(index)
def put(request: Request) -> HttpResponse:
    """Set or lower a limit at once, or ask for a raise."""
    values = pages.cleaned(LimitForm(request.POST))
    scope = pages.reach(request, Scope.objects.all(), "pk", pk=values["scope"])
    access.require(request.user, Permission.SET_LIMITS, scope)
    wanted = {key: values[key] for key in ("kind", "value", "reason")}
    if request.POST.get("verb") == "raise":
        risk.request_raise(scope=scope, actor=request.user, **wanted)
        return pages.done(request, "A second person must agree to the raise", "limits")
    risk.set_limit(scope=scope, actor=request.user, **wanted)
    return pages.done(request, "The limit holds from now on", "limits")


@pages.acts_on(index)
def vote(request: Request, raise_id: UUID) -> HttpResponse:
    """Agree to a raise, or not."""
    rows = LimitRaise.objects.select_related("scope", "consent")
    found = pages.reach(request, rows, "scope", pk=raise_id)
    form = VoteForm(request.POST)
    values = pages.cleaned(form)
    risk.vote_raise(
        limit_raise=found,
        approve=form.approves,
        digest=values["digest"],
        actor=request.user,
        reason=values["reason"],
    )
    return pages.done(request, "The vote counts", "limits")
