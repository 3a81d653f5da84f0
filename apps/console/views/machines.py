"""Machines' access: service accounts, their tokens and trusted workloads; a new secret is shown in one answer only."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse

from apps.access import selectors
from apps.access import services as access
from apps.access.models import Scope, Token, User, WorkloadTrust
from apps.access.states import Permission, UserKind
from apps.common.errors import NotFound
from apps.console import pages
from apps.console.forms import MachineForm, ReasonForm, RotateForm, TokenForm, TrustForm
from apps.console.pages import Request
from apps.console.selectors import machines, people

PAGE_SIZE = 50
VOTES = (Permission.VOTE_TRADER, Permission.VOTE_RISK)  # no machine ever votes


def index(request: Request, token_id: UUID | None = None, trust_id: UUID | None = None) -> HttpResponse:
    """Everything that machines get in by, for administrators of the firm."""
    return _show(request)


@pages.acts_on(index)
def make_token(request: Request) -> HttpResponse:
    """Make a token and show its secret, now and never again."""
    given = _given(request, TokenForm)
    hours = given.pop("expires_in_d") * 24
    token, secret = access.make_token(**_found(given), expires_in_h=hours, actor=request.user)
    return _show(request, token=token, secret=secret)


@pages.acts_on(index)
def rotate_token(request: Request, token_id: UUID) -> HttpResponse:
    """Make a token like another, which ends after the overlap, and show the new secret once."""
    given = _given(request, RotateForm)
    old = _one(Token, token_id)
    token, secret = access.rotate_token(token=old, **given, actor=request.user)
    return _show(request, token=token, secret=secret)


@pages.acts_on(index)
def revoke_token(request: Request, token_id: UUID) -> HttpResponse:
    """End a token at once."""
    reason = _given(request, ReasonForm)["reason"]
    token = access.revoke_token(token=_one(Token, token_id), actor=request.user, reason=reason)
    return pages.done(request, f"{token.name} opens nothing any more", "machines")


@pages.acts_on(index)
def make_trust(request: Request) -> HttpResponse:
    """Trust a workload."""
    given = _given(request, TrustForm)
    trust = access.make_trust(**_found(given), actor=request.user)
    return pages.done(request, f"{trust.name} is trusted from now on", "machines")


@pages.acts_on(index)
def revoke_trust(request: Request, trust_id: UUID) -> HttpResponse:
    """End a trust and all tokens that were exchanged by it, at once."""
    reason = _given(request, ReasonForm)["reason"]
    trust = access.revoke_trust(trust=_one(WorkloadTrust, trust_id), actor=request.user, reason=reason)
    return pages.done(request, f"{trust.name} is trusted no longer", "machines")


def _show(request: Request, **new: Any) -> HttpResponse:
    _require(request)
    page = Paginator(machines.made_tokens(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "accounts": machines.accounts(),
        "page": page,
        "tokens": machines.token_views(list(page.object_list)),
        "ending": machines.ending_soon(),
        "trusts": machines.trusts()[:PAGE_SIZE],
        "permissions": [(one.value, one.label) for one in Permission if one not in VOTES],
        "scopes": people.widest_first(selectors.visible_scopes(request.user)),
        "chosen": request.POST.getlist("permissions"),
        **new,
    }
    return pages.show(request, "console/machines.html", context, {"machine-list": "console/_machines.html"})


def _require(request: Request) -> None:
    access.require(request.user, Permission.ADMINISTER, selectors.firm().scope)


def _given(request: Request, form: type[ReasonForm]) -> dict[str, Any]:
    """What the form says, from somebody who administers the firm."""
    _require(request)
    filled = form(request.POST)
    values = pages.cleaned(filled)
    return filled.values() if isinstance(filled, MachineForm) else values


def _found(given: dict[str, Any]) -> dict[str, Any]:
    user = User.objects.filter(kind=UserKind.SERVICE, pk=given["user"]).first()
    if user is None:
        raise NotFound("NOT_FOUND", "there is no such service account")
    scope = Scope.objects.filter(pk=given["scope"]).first() if given["scope"] else None
    return given | {"user": user, "scope": scope}


def _one(model: type[Token] | type[WorkloadTrust], pk: UUID) -> Any:
    found = model._default_manager.filter(pk=pk).first()
    if found is None:
        raise NotFound("NOT_FOUND", "there is no such token or trust: it may be gone")
    return found
