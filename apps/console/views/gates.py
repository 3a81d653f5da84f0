"""Gates: what they are measured against, waivers and their votes, and accepted baselines."""

from uuid import UUID

from django.http import HttpResponse

from apps.access import selectors
from apps.access import services as access
from apps.access.models import User
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import GateDefinitionForm, ReasonForm, WaiverForm
from apps.console.pages import Request
from apps.console.selectors import gates as views
from apps.console.selectors import people
from apps.console.views import releases as page
from apps.releases import services
from apps.releases.models import Gate, GateWaiver

SCOPE = "release__bot__scope"


def definitions(request: Request) -> HttpResponse:
    """What each kind is measured against, with every version before."""
    found = views.definitions(request.user)
    said_by = [row.set_by for view in found for row in (view.current, *view.before)]
    context = {"definitions": found, "may_set": _may_set(request.user), "names": people.names_of(said_by)}
    return pages.show(request, "console/gate_definitions.html", context)


def _may_set(user: User) -> bool:
    firm = selectors.firm().scope
    return access.may(user, Permission.ADMINISTER, firm) or access.may(user, Permission.VOTE_RISK, firm)


@pages.acts_on(definitions)
def set_definition(request: Request) -> HttpResponse:
    """Set the next version of a kind."""
    if not _may_set(request.user):
        access.require(request.user, Permission.ADMINISTER, selectors.firm().scope)
    access.require_step_up(request)
    made = services.set_definition(actor=request.user, **pages.cleaned(GateDefinitionForm(request.POST)))
    return pages.done(request, f"{made} is in force from now on", "gate_definitions")


@pages.acts_on(page.show)
def ask(request: Request, release_id: UUID) -> HttpResponse:
    """Let the gates of a release be judged anew."""
    release = page.find(request, release_id)
    access.require(request.user, Permission.BUILD, release.bot.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    kinds = list(release.gates.values_list("kind", flat=True))
    services.request_gates(release=release, kinds=kinds, actor=request.user, reason=reason)
    return pages.done(request, "Asked for its gates", "release", release_id)


@pages.acts_on(page.show)
def waive(request: Request, release_id: UUID, gate_id: UUID) -> HttpResponse:
    """Ask a second person to let a gate through."""
    gate = _gate(request, release_id, gate_id)
    if not access.may(request.user, Permission.VOTE_RISK, gate.release.bot.scope):
        access.require(request.user, Permission.BUILD, gate.release.bot.scope)
    access.require_step_up(request)
    services.request_waiver(gate=gate, actor=request.user, **pages.cleaned(WaiverForm(request.POST)))
    return pages.done(request, "A second person must agree to the waiver", "release", release_id)


@pages.acts_on(page.show)
def vote(request: Request, release_id: UUID, waiver_id: UUID) -> HttpResponse:
    """Agree to a waiver, or not."""
    waiver = _waiver(request, release_id, waiver_id)
    access.require(request.user, Permission.VOTE_RISK, waiver.gate.release.bot.scope)
    access.require_step_up(request)
    services.vote_waiver(waiver=waiver, **pages.ballot(request))
    return pages.done(request, "The vote counts", "release", release_id)


@pages.acts_on(page.show)
def withdraw(request: Request, release_id: UUID, waiver_id: UUID) -> HttpResponse:
    """Take a waiver back: nothing opens by it any more."""
    waiver = _waiver(request, release_id, waiver_id)
    if not access.may(request.user, Permission.VOTE_RISK, waiver.gate.release.bot.scope):
        access.require(request.user, Permission.BUILD, waiver.gate.release.bot.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    services.withdraw_waiver(waiver=waiver, actor=request.user, reason=reason)
    return pages.done(request, "The waiver is withdrawn", "release", release_id)


@pages.acts_on(page.show)
def accept(request: Request, release_id: UUID, gate_id: UUID) -> HttpResponse:
    """Make the run of the backtest gate the measure of later ones."""
    gate = _gate(request, release_id, gate_id)
    if not access.may(request.user, Permission.VOTE_RISK, gate.release.bot.scope):
        access.require(request.user, Permission.VOTE_TRADER, gate.release.bot.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    services.accept_baseline(gate=gate, actor=request.user, reason=reason)
    return pages.done(request, "The run is the baseline from now on", "release", release_id)


def _gate(request: Request, release_id: UUID, gate_id: UUID) -> Gate:
    rows = Gate.objects.select_related("release__bot__scope")
    return pages.reach(request, rows, SCOPE, pk=gate_id, release=release_id)


def _waiver(request: Request, release_id: UUID, waiver_id: UUID) -> GateWaiver:
    rows = GateWaiver.objects.select_related("gate__release__bot__scope", "consent")
    return pages.reach(request, rows, f"gate__{SCOPE}", pk=waiver_id, gate__release=release_id)
