"""A bot's declaration: what was declared, how far what is has drifted, and a plan to look at before it is applied.

Nothing of a plan is stored: what was planned comes back with the form that applies it, under the plan's digest.
"""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.access import services as access
from apps.access.states import Permission
from apps.bots.models import Bot
from apps.console import pages
from apps.console.forms import ApplyForm, DeclarationForm
from apps.console.pages import Request
from apps.console.selectors import bots as heads
from apps.console.selectors import declarations as shown
from apps.console.views import bots
from apps.promotions.declarations import selectors, services
from apps.promotions.declarations.selectors import Demand, Judged

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan to look at, with the text that it is of, and what keeps the reader from applying it."""

    text: str
    judged: Judged
    demands: list[Demand]


def show(request: Request, name: str, preview: Preview | None = None) -> HttpResponse:
    """What was declared, what is not so, all declarations, and the forms."""
    bot = bots.find(request, name)
    page = Paginator(selectors.of_bot(bot), PAGE_SIZE).get_page(request.GET.get("page"))
    found = {
        "standing": shown.standing(bot),
        "page": page,
        "preview": preview,
        "may_declare": _may(request, bot),
        "difference": shown.difference(bot, request.GET.get("before", ""), request.GET.get("after", "")),
    }
    return bots.tab_of(request, bot, heads.header(bot), "declaration", found)


@pages.acts_on(show)
def plan(request: Request, name: str) -> HttpResponse:
    """What applying a declaration would do; it is neither stored nor done."""
    bot = _declared(request, name)
    text = pages.cleaned(DeclarationForm(request.POST, request.FILES))["text"]
    judged = selectors.judge(bot, text.encode())
    return show(request, name, Preview(text, judged, selectors.demands(bot, judged.plan, request.user)))


@pages.acts_on(show)
def apply(request: Request, name: str) -> HttpResponse:
    """Apply what the plan on the page says, unless the state has changed since."""
    bot = _declared(request, name)
    values = pages.cleaned(ApplyForm(request.POST))
    raw, digest, reason = values["text"].encode(), values["digest"], values["reason"]
    kept = services.apply(bot=bot, raw=raw, digest=digest, actor=request.user, reason=reason)
    waits = f"; {len(kept.raises)} limits wait for another person" if kept.raises else ""
    return pages.done(request, f"Declaration {kept.number} is applied{waits}", "bot_declaration", name)


@require_GET
def export(request: Request, name: str) -> HttpResponse:
    """What stands now, as a declaration."""
    bot = bots.find(request, name)
    headers = {
        "Content-Disposition": f'attachment; filename="{bot.name}.quarterdeck.yaml"',
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(services.export(bot), content_type="text/yaml; charset=utf-8", headers=headers)


def _declared(request: Request, name: str) -> Bot:
    bot = bots.find(request, name)
    if not _may(request, bot):
        access.require(request.user, Permission.BUILD, bot.scope)
    return bot


def _may(request: Request, bot: Bot) -> bool:
    return any(access.may(request.user, one, bot.scope) for one in (Permission.BUILD, Permission.SET_LIMITS))
