"""What waits for a person, as links to where it is done."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse

from apps.access import selectors as access
from apps.access.models import Consent, User
from apps.bots.models import Bot
from apps.console.selectors import fleet, trading
from apps.console.wording import words
from apps.promotions.models import Promotion
from apps.risk.models import Hold, LimitRaise


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that this person may decide."""

    title: str
    detail: str
    url: str
    mode: str
    asked_by: str
    expires_at: datetime


def tasks(user: User) -> list[Task]:
    """Consents that wait for this person, soonest to expire first."""
    waiting = sorted(access.open_consents_for(user), key=lambda consent: consent.expires_at)
    targets = _targets(waiting)
    return [_task(consent, targets.get(consent.object_id)) for consent in waiting]


def _targets(waiting: list[Consent]) -> dict[UUID, object]:
    ids = {consent.object_id for consent in waiting}
    found: dict[UUID, object] = {}
    found.update(Promotion.objects.select_related("bot", "account", "release__code_version").in_bulk(ids))
    found.update(Hold.objects.select_related("scope").in_bulk(ids))
    found.update(LimitRaise.objects.select_related("scope").in_bulk(ids))
    return found


def _task(consent: Consent, target: object) -> Task:
    title, url, mode = f"{consent.act} on {consent.scope}", reverse("home"), ""
    if isinstance(target, Promotion):
        version = target.release.code_version.version
        goal = f"{words(target.stage)}, {target.environment}"
        title = f"Approve {target}: {target.bot} {version} → {goal}"
        url, mode = reverse("promotion", args=[target.number]) + "#votes", target.account.mode
    elif isinstance(target, Hold):
        title, url = f"Release the hold on {target.scope}", reverse("holds")
    elif isinstance(target, LimitRaise):
        title, url = f"Raise {target.get_kind_display().lower()} of {target.scope}", reverse("limits")
    return Task(title, consent.reason, url, mode, consent.requested_by.display_name, consent.expires_at)


def standings(user: User) -> dict[str, int]:
    """How many bots within reach are active, reducing, halted."""
    bots = list(access.within(Bot.objects.select_related("scope"), user, "scope"))
    running = fleet.running_by_bot([bot.pk for bot in bots])
    holds = trading.holds_by_scope()
    counted = Counter(
        trading.strictest(trading.scopes_of(bot, running[bot.pk]), holds).name for bot in bots if running.get(bot.pk)
    )
    return {name: counted.get(name, 0) for name in ("ACTIVE", "REDUCING", "HALTED")}
