"""Exit plans: what one would do, starting it, its progress, stopping it."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse

from apps.access import selectors
from apps.access import services as access
from apps.access.models import Scope
from apps.access.states import Permission
from apps.common.errors import DomainError
from apps.console import pages
from apps.console.forms import ExitForm, ExitTermsForm, ReasonForm
from apps.console.pages import Request
from apps.console.selectors import exits
from apps.execution.exits import services as exit_plans
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.services import Preview, Terms
from apps.execution.exits.states import ACTIVE_PLANS

PAGE_SIZE = 50


def index(request: Request) -> HttpResponse:
    """Plans within reach, and the form that previews and starts one."""
    user = request.user
    parts = {"plan-list": "console/_exit_plans.html"}
    page = Paginator(exits.visible(user), PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"page": page}
    if request.htmx.target not in parts:
        # A preview asks the venues: never for a mere refresh of the list.
        asked = request.POST or request.GET
        context |= {
            "asked": asked,
            "scopes": exits.exitable(user),
            "usual": Terms(),
            "base": selectors.firm().base_currency,
            **_preview(request, ExitTermsForm(asked) if asked.get("scope") else None),
        }
    return pages.show(request, "console/exit_plans.html", context, parts)


def _preview(request: Request, form: ExitTermsForm | None) -> dict[str, Any]:
    """The preview that the address asks for, or why there is none."""
    if form is None:
        return {}
    try:
        return {"preview": _previewed(request, form)}
    except DomainError as error:
        return {"error": error}


def _previewed(request: Request, form: ExitTermsForm) -> Preview:
    scope = pages.reach(request, Scope.objects.all(), "pk", pk=pages.cleaned(form)["scope"])
    access.require(request.user, Permission.EXIT, scope)
    return exit_plans.preview(scope=scope, terms=form.terms)


@pages.acts_on(index)
def start(request: Request) -> HttpResponse:
    """Begin to take every position below the scope to zero."""
    form = ExitForm(request.POST)
    values = pages.cleaned(form)
    scope = pages.reach(request, Scope.objects.all(), "pk", pk=values["scope"])
    access.require(request.user, Permission.EXIT, scope)
    plan = exit_plans.start(scope=scope, terms=form.terms, actor=request.user, reason=values["reason"])
    return pages.done(request, f"The exit of {scope} has begun", "exit_plan", plan.pk)


def show(request: Request, plan_id: UUID) -> HttpResponse:
    """One plan: its terms and the progress of its legs."""
    plan = _find(request, plan_id)
    is_active = plan.state in ACTIVE_PLANS
    context = {
        "plan": plan,
        "legs": exits.legs_of(plan),
        "is_active": is_active,
        "may_stop": is_active and access.may(request.user, Permission.EXIT, plan.scope),
    }
    return pages.show(request, "console/exit_plan.html", context, {"exit-plan": "console/_exit_plan.html"})


@pages.acts_on(show)
def stop(request: Request, plan_id: UUID) -> HttpResponse:
    """Place no further slice, cancel those that work; protective orders stay."""
    plan = _find(request, plan_id)
    access.require(request.user, Permission.EXIT, plan.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    exit_plans.stop(plan=plan, actor=request.user, reason=reason)
    return pages.done(request, "The plan is stopped; what is still held is below", "exit_plan", plan.pk)


def _find(request: Request, plan_id: UUID) -> ExitPlan:
    return pages.reach(request, exits.visible(request.user), "scope", pk=plan_id)
