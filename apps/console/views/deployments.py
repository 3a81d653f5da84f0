"""Deployments: the immutable log, one deployment, and its acts."""

from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.access import selectors
from apps.access import services as access
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import ReasonForm
from apps.console.pages import Request
from apps.console.selectors import people
from apps.deployments import services as deployments
from apps.deployments.models import Deployment, DeploymentEvent
from apps.deployments.states import DESIRED_TRANSITIONS, Desired

PAGE_SIZE = 50
CYCLES_SHOWN = 20


def _rows() -> QuerySet[Deployment]:
    return Deployment.objects.select_related(
        "bot__scope", "account__venue", "release__code_version", "promotion", "instrument", "feed"
    ).order_by("-id")


@require_GET
def index(request: Request) -> HttpResponse:
    """What runs, and the log of all deployments, newest first."""
    log = DeploymentEvent.objects.select_related("deployment__bot", "deployment__account").order_by("-id")
    log = selectors.within(log, request.user, "deployment__bot__scope")
    if bot := request.GET.get("bot", "")[:60]:
        log = log.filter(deployment__bot__name__icontains=bot)
    page = Paginator(log, PAGE_SIZE).get_page(request.GET.get("page"))
    running = selectors.within(_rows().exclude(desired=Desired.STOPPED), request.user, "bot__scope")
    context = {
        "running": list(running[:200]),
        "page": page,
        "names": people.names_of(event.actor for event in page.object_list),
    }
    return pages.show(request, "console/deployments.html", context, {"deployments": "console/_deployments.html"})


def show(request: Request, deployment_id: UUID) -> HttpResponse:
    """One deployment: desired and observed, its cycles and its log."""
    deployment = _find(request, deployment_id)
    events = list(deployment.events.order_by("-sequence")[:PAGE_SIZE])
    reachable = DESIRED_TRANSITIONS.get(Desired(deployment.desired), frozenset())
    context = {
        "deployment": deployment,
        "events": events,
        "cycles": list(deployment.cycles.order_by("-epoch", "-sequence").defer("checkpoint")[:CYCLES_SHOWN]),
        "names": people.names_of(event.actor for event in events),
        "reachable": [value.value for value in Desired if value in reachable],
        "may_operate": access.may(request.user, Permission.OPERATE, deployment.bot.scope),
    }
    return pages.show(request, "console/deployment.html", context, {"deployment": "console/_deployment.html"})


@pages.acts_on(show)
def pause(request: Request, deployment_id: UUID) -> HttpResponse:
    """Stop deciding; positions and protective orders stay."""
    return _act(request, deployment_id, "pause", "Paused")


@pages.acts_on(show)
def resume(request: Request, deployment_id: UUID) -> HttpResponse:
    """Decide again, on the same build."""
    return _act(request, deployment_id, "resume", "Resumed")


@pages.acts_on(show)
def stop(request: Request, deployment_id: UUID) -> HttpResponse:
    """End the deployment; its slice of the account becomes free."""
    return _act(request, deployment_id, "stop", "Stopped")


def _act(request: Request, deployment_id: UUID, verb: str, word: str) -> HttpResponse:
    deployment = _find(request, deployment_id)
    access.require(request.user, Permission.OPERATE, deployment.bot.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    getattr(deployments, verb)(deployment=deployment, actor=request.user, reason=reason)
    return pages.done(request, f"{word} {deployment}", "deployment", deployment.pk)


def _find(request: Request, deployment_id: UUID) -> Deployment:
    return pages.reach(request, _rows(), "bot__scope", pk=deployment_id)
