"""Holds: the kill switch with its preview and its drills, what is in force, and the release by a second person."""

from uuid import UUID

from django.http import HttpResponse

from apps.access import selectors
from apps.access import services as access
from apps.access.models import Scope
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import DrillForm, HoldForm, ReleaseHoldForm
from apps.console.pages import Request
from apps.console.selectors import holds, people
from apps.execution import selectors as orders
from apps.execution import services as execution
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.risk.states import CancelChoice


def index(request: Request, hold_id: UUID | None = None) -> HttpResponse:
    """Holds in force, the latest released ones, and the form that places one."""
    user = request.user
    scopes = holds.placeable(user)
    asked = request.POST or request.GET
    chosen = next((scope for scope in scopes if str(scope.pk) == asked.get("scope")), None)
    cancels = CancelChoice.ALL.value if asked.get("cancels") == CancelChoice.ALL else CancelChoice.OPENING.value
    in_force, past = holds.in_force(user), holds.past(user)
    drills = holds.drills(user)
    context = {
        "scopes": scopes,
        "chosen": chosen,
        "cancels": cancels,
        "choices": CancelChoice.choices,
        "preview": orders.halt_preview(chosen, cancels) if chosen else None,
        "base": selectors.firm().base_currency,
        "in_force": in_force,
        "past": past,
        "drills": drills,
        "drillable": holds.drillable(user),
        "releasable": selectors.visible_scope_ids(user, Permission.RELEASE_HOLD),
        "names": people.names_of(
            [hold.placed_by for hold in [*(view.hold for view in in_force), *past]]
            + [view.row.scheduled_by for view in drills]
        ),
    }
    parts = {
        "hold-list": "console/_holds.html",
        "hold-preview": "console/_hold_preview.html",
        "drill-list": "console/_drills.html",
    }
    return pages.show(request, "console/holds.html", context, parts)


@pages.acts_on(index)
def place(request: Request) -> HttpResponse:
    """Place a hold: never blocked by anything but a missing permission."""
    values = pages.cleaned(HoldForm(request.POST))
    scope = pages.reach(request, Scope.objects.all(), "pk", pk=values["scope"])
    access.require(request.user, Permission.HOLD, scope)
    hold = execution.halt(
        scope=scope,
        level=values["level"],
        cancels=values["cancels"] or CancelChoice.OPENING,
        actor=request.user,
        reason=values["reason"],
    )
    latch = f", latched in {hold.latch_ms:.0f} ms" if hold.latch_ms is not None else ""
    return pages.done(request, f"{scope} is {hold.level}{latch}", "holds")


@pages.acts_on(index)
def release(request: Request, hold_id: UUID) -> HttpResponse:
    """Ask for the release: to REDUCING at once, to ACTIVE with a second person."""
    hold = _find(request, hold_id)
    values = pages.cleaned(ReleaseHoldForm(request.POST))
    to_level = None if values["to_level"] == "ACTIVE" else values["to_level"]
    if to_level is None:
        access.require_step_up(request)
    risk.request_release(hold=hold, to_level=to_level, actor=request.user, reason=values["reason"])
    word = "A second person must agree now" if to_level is None else "The hold now lets exits through"
    return pages.done(request, word, "holds")


@pages.acts_on(index)
def vote(request: Request, hold_id: UUID) -> HttpResponse:
    """Agree to the release, or not."""
    hold = _find(request, hold_id)
    access.require_step_up(request)
    risk.vote_release(hold=hold, **pages.ballot(request))
    return pages.done(request, "The vote counts", "holds")


@pages.acts_on(index)
def drill(request: Request) -> HttpResponse:
    """Rehearse the kill switch on a paper deployment below a scope."""
    values = pages.cleaned(DrillForm(request.POST))
    scope = pages.reach(request, Scope.objects.all(), "pk", pk=values["scope"])
    if not any(access.may(request.user, permission, scope) for permission in holds.DRILL_PERMISSIONS):
        access.require(request.user, Permission.SET_LIMITS, scope)
    risk.schedule_drill(scope=scope, due_at=values["due_at"], actor=request.user, reason=values["reason"])
    return pages.done(request, f"A drill of {scope} is due; its figures appear in the log", "holds")


def _find(request: Request, hold_id: UUID) -> Hold:
    hold = pages.reach(request, Hold.objects.select_related("scope", "consent"), "scope", pk=hold_id)
    access.require(request.user, Permission.RELEASE_HOLD, hold.scope)
    return hold
