"""Keys that desks trust, what they vouched for, and code versions with their verdicts.

Whoever may see a desk sees its keys; trusting, rotating and revoking need `administer` on it, as the API does.
"""

from typing import Any, TypeVar
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.access import services as access
from apps.access.models import Desk
from apps.access.states import Permission
from apps.bots import services as bots
from apps.bots.models import CodeVersion, Signer, TrustedBuilder, TrustedKey
from apps.console import pages
from apps.console.forms import BuilderForm, RevocationForm, RotationForm, SignerForm
from apps.console.pages import Request
from apps.console.selectors import trust

PAGE_SIZE = 20
COMPONENTS_SHOWN = 50
Key = TypeVar("Key", bound=TrustedKey)


def index(request: Request, key_id: UUID | None = None) -> HttpResponse:
    """Keys and verdicts within reach."""
    desks = trust.administered(request.user)
    context = {
        "signers": trust.signers(request.user),
        "builders": trust.builders(request.user),
        "page": Paginator(trust.verdicts(request.user), PAGE_SIZE).get_page(request.GET.get("page")),
        "desks": desks,
        "administered": {desk.pk for desk in desks},
    }
    return pages.show(request, "console/signers.html", context, {"trust": "console/_signers.html"})


@pages.acts_on(index)
def trust_signer(request: Request) -> HttpResponse:
    """Trust a key to sign builds."""
    signer = bots.trust_signer(**_asked(request, SignerForm))
    return pages.done(request, f"{signer} may sign builds of {signer.desk}", "signers")


@pages.acts_on(index)
def trust_builder(request: Request) -> HttpResponse:
    """Trust a CI to attest builds."""
    builder = bots.trust_builder(**_asked(request, BuilderForm))
    return pages.done(request, f"{builder} may attest builds from {builder.source_repository}", "signers")


@pages.acts_on(index)
def rotate_signer(request: Request, key_id: UUID) -> HttpResponse:
    """Another key to sign builds with."""
    return _rotate(request, Signer, key_id)


@pages.acts_on(index)
def rotate_builder(request: Request, key_id: UUID) -> HttpResponse:
    """Another key of the same CI."""
    return _rotate(request, TrustedBuilder, key_id)


@pages.acts_on(index)
def revoke_signer(request: Request, key_id: UUID) -> HttpResponse:
    """No build of this signer starts any more."""
    return _revoke(request, Signer, key_id)


@pages.acts_on(index)
def revoke_builder(request: Request, key_id: UUID) -> HttpResponse:
    """No build of this CI starts any more."""
    return _revoke(request, TrustedBuilder, key_id)


@require_GET
def show_code(request: Request, code_id: UUID) -> HttpResponse:
    """One code version: who vouches for it, what it is made of, what came of verifying it."""
    rows = CodeVersion.objects.select_related("bot", "signer", "builder", "pushed_by")
    code = pages.reach(request, rows, "bot__scope", pk=code_id)
    view = trust.code_view(code)
    context = {
        "view": view,
        "page": Paginator(view.components, COMPONENTS_SHOWN).get_page(request.GET.get("page")),
        "verdicts": code.verifications.order_by("-id")[:PAGE_SIZE],
        "releases": code.release_set.order_by("-number"),
    }
    return pages.show(request, "console/code_version.html", context, {"code-version": "console/_code_version.html"})


def _asked(request: Request, form: type[SignerForm]) -> dict[str, Any]:
    """What the form asks to trust, of a desk that the person administers."""
    values = pages.cleaned(form(request.POST))
    desk = pages.reach(request, Desk.objects.select_related("scope"), "scope", pk=values["desk"])
    access.require(request.user, Permission.ADMINISTER, desk.scope)
    return {**values, "desk": desk, "actor": request.user}


def _rotate(request: Request, model: type[Key], key_id: UUID) -> HttpResponse:
    key = _own(request, model, key_id)
    made = bots.rotate(key=key, actor=request.user, **pages.cleaned(RotationForm(request.POST)))
    return pages.done(request, f"{made} is trusted in the place of {key}", "signers")


def _revoke(request: Request, model: type[Key], key_id: UUID) -> HttpResponse:
    key = _own(request, model, key_id)
    revoked = bots.revoke(key=key, actor=request.user, **pages.cleaned(RevocationForm(request.POST)))
    return pages.done(request, f"{revoked} is not trusted from {revoked.revoked_at:%Y-%m-%d %H:%M} UTC on", "signers")


def _own(request: Request, model: type[Key], key_id: UUID) -> Key:
    rows = model._default_manager.select_related("desk__scope")
    key = pages.reach(request, rows, "desk__scope", pk=key_id)
    access.require(request.user, Permission.ADMINISTER, key.desk.scope)
    return key
