"""Who owns which bots, and who may hand them over."""

from django.db.models import Q, QuerySet

from apps.access import selectors as access
from apps.access.models import User
from apps.access.states import Permission
from apps.alerts.models import Alert
from apps.alerts.states import AlertState
from apps.bots.models import Bot

OWNER_LEFT = "OWNER_LEFT"
LACKS_AN_OWNER = Q(owner__is_active=False) | Q(fallback_owner__is_active=False)


def of_person(person: User) -> QuerySet[Bot]:
    """The bots that `person` owns or backs."""
    return Bot.objects.filter(Q(owner=person) | Q(fallback_owner=person))


def may_hand_over(user: User, bot: Bot) -> bool:
    """Whether `user` may give the bot other owners: its present owners may, and whoever administers it."""
    return user.pk in (bot.owner_id, bot.fallback_owner_id) or access.may(user, Permission.ADMINISTER, bot.scope)


def candidates(bot: Bot) -> QuerySet[User]:
    """Who may own the bot: active people who may see it."""
    return access.holders(Permission.VIEW, bot.scope)


def alerts_of_leaver(person: User) -> QuerySet[Alert]:
    """The alerts, one a desk, that still say whose bots `person` has left without an owner."""
    return Alert.objects.filter(code=OWNER_LEFT, object_id=person.pk).exclude(state=AlertState.RESOLVED)


def leavers() -> QuerySet[User]:
    """Who has left and is an owner still, or was when their alert was raised."""
    left = Bot.objects.filter(LACKS_AN_OWNER)
    told = Alert.objects.filter(code=OWNER_LEFT).exclude(state=AlertState.RESOLVED)
    return User.objects.filter(
        Q(is_active=False, pk__in=left.values("owner"))
        | Q(is_active=False, pk__in=left.values("fallback_owner"))
        | Q(pk__in=told.values("object_id"))
    ).order_by("pk")
