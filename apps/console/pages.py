"""What every page does alike: show itself or one of its fragments, find objects within reach, act, return."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.utils.cache import patch_cache_control, patch_vary_headers
from django_htmx.middleware import HtmxDetails

from apps.access import selectors as access
from apps.access.models import User
from apps.access.states import Permission
from apps.common.errors import DomainError, Invalid, NotFound
from apps.console.forms import VoteForm

Row = TypeVar("Row", bound=Model)
View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Refusal:
    """A refusal to show beside the form that asked: `key` names the form, `back` is the page it stands on."""

    key: str
    error: DomainError
    back: str


class Request(HttpRequest):
    """A page's request: the middleware let only people who are signed in come this far."""

    user: User
    htmx: HtmxDetails
    refusal: Refusal


def show(request: Request, template: str, context: dict[str, Any], parts: dict[str, str] | None = None) -> HttpResponse:
    """The whole page, or the one fragment that htmx asked for by its id; never kept by a cache."""
    response = render(request, (parts or {}).get(request.htmx.target or "", template), context)
    patch_vary_headers(response, ["HX-Request", "HX-Target", "Cookie"])
    patch_cache_control(response, private=True, no_store=True)
    return response


def reach(
    request: Request,
    rows: QuerySet[Row],
    scope_path: str,
    permission: Permission = Permission.VIEW,
    **lookup: Any,
) -> Row:
    """The one row of `lookup` below the scopes on which the person has `permission`, else NotFound."""
    row = access.within(rows.filter(**lookup), request.user, scope_path, permission=permission).first()
    if row is None:
        raise NotFound("NOT_FOUND", "no such object within your reach: check the address, or ask for access")
    return row


def acts_on(page: View) -> Callable[[View], View]:
    """Decorates the POST of a form on `page`: done means a redirect; a refusal is shown beside the form.

    The page comes back with the refusal's status, what was typed is kept, and nothing was changed. A GET of
    the act's address leads to the page.
    """

    def decorate(act: View) -> View:
        @wraps(act)
        def view(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method != "POST":
                return redirect(page_above(request.path))
            try:
                return act(request, *args, **kwargs)
            except DomainError as error:
                request.refusal = Refusal(request.POST.get("form", ""), error, page_above(request.path))
                response = page(request, *args, **kwargs)
                response.status_code = error.status
                return response

        return view

    return decorate


def page_above(path: str) -> str:
    """The address of the page on which the form of an act stands: the nearest one above that exists."""
    above = path.rstrip("/").rpartition("/")[0] + "/"
    try:
        resolve(above)
    except Resolver404:
        return page_above(above)
    return above


def done(request: Request, message: str, to: str, *args: Any) -> HttpResponse:
    """Say what was done and go on to the page named `to`."""
    messages.success(request, message)
    return redirect(to, *args)


def ballot(request: Request) -> dict[str, Any]:
    """The vote of the person, on exactly what was shown, as every service that takes votes takes it."""
    form = VoteForm(request.POST)
    values = cleaned(form)
    return {
        "actor": request.user, "approve": form.approves, "digest": values["digest"], "reason": values["reason"],
    }  # fmt: skip


def cleaned(form: Form) -> dict[str, Any]:
    """The form's values; raises Invalid FORM_INVALID with the first thing that is wrong."""
    if form.is_valid():
        return form.cleaned_data
    field, errors = next(iter(form.errors.items()))
    label = form.fields[field].label if field in form.fields else None
    raise Invalid("FORM_INVALID", f"{label or field}: {errors[0]}", field=field)
