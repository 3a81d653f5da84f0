"""Handing bots over: one on its page, and all those of somebody who leaves on a page of their own."""

from uuid import UUID

from django.http import HttpResponse

from apps.access import selectors as access
from apps.access.models import User
from apps.bots import services
from apps.common.errors import NotFound
from apps.console import pages
from apps.console.forms import HandOverForm
from apps.console.pages import Request
from apps.console.selectors import people
from apps.console.views import bots


@pages.acts_on(bots.show)
def hand_over(request: Request, name: str) -> HttpResponse:
    """Give a bot other owners."""
    bot = bots.find(request, name)
    services.require_may_hand_over(request.user, bot)
    given = pages.cleaned(HandOverForm(request.POST))
    bot = services.hand_over(bot=bot, **given, actor=request.user)
    return pages.done(request, f"{bot} is {bot.owner}’s now", "bot", bot.name)


def show(request: Request, person_id: UUID) -> HttpResponse:
    """The bots that somebody owns or backs."""
    person = _find(request, person_id)
    context = {"person": person, "found": people.bots_of(person, request.user)}
    return pages.show(request, "console/person_bots.html", context, {"person-bots": "console/_person_bots.html"})


@pages.acts_on(show)
def hand_over_all(request: Request, person_id: UUID) -> HttpResponse:
    """Give all the bots of somebody to others, or none."""
    person = _find(request, person_id)
    services.require_may_hand_over_all(person, request.user)
    given = pages.cleaned(HandOverForm(request.POST))
    bots = services.hand_over_all(person=person, **given, actor=request.user)
    many = f"{len(bots)} bot{'' if len(bots) == 1 else 's'}"
    return pages.done(request, f"{many} of {person} went to others", "person_bots", person.pk)


def _find(request: Request, person_id: UUID) -> User:
    """The person; whoever may see nothing finds nobody."""
    person = User.objects.filter(pk=person_id).first() if access.visible_scope_ids(request.user) else None
    if person is None:
        raise NotFound("NOT_FOUND", "no such person within your reach: check the address, or ask for access")
    return person
