"""Owners of bots: two different active people who may see it; without them a bot starts nothing (requirements 1.3).

Locks are taken in one order: the bots by id, then the people by id. A deactivation waits for who holds the latter.
"""

from uuid import UUID

from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access import services as people
from apps.access.models import Scope, User
from apps.access.states import Permission, UserKind
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.bots import selectors
from apps.bots.models import Bot
from apps.common import nudges
from apps.common.errors import NotFound, Refused

ACTOR = job("owners")
RELATED = ("scope", "strategy__bucket__desk__scope")


def require_may_hand_over(user: User, bot: Bot) -> None:
    """Nothing when `user` may give the bot other owners, else Forbidden PERMISSION_DENIED."""
    if not selectors.may_hand_over(user, bot):
        people.require(user, Permission.ADMINISTER, bot.scope)


def hand_over(*, bot: Bot, owner: User, fallback_owner: User, actor: User | str, reason: str) -> Bot:
    """Give a bot new owners. Votes keep whom they exclude: that was fixed when they were asked for.

    Raises Forbidden PERMISSION_DENIED; Refused OWNERS_INVALID, OWNER_CANNOT_SEE.
    """
    with acting(actor, reason):
        rows = _locked(Bot.objects.filter(pk=bot.pk))
        known = _locked_people(rows, owner, fallback_owner)
        _give(rows, [(known[owner.pk], known[fallback_owner.pk])], known, actor, reason)
    return rows[0]


def hand_over_all(*, person: User, owner: User, fallback_owner: User, actor: User, reason: str) -> list[Bot]:
    """Give all the bots of `person` that the actor sees to others, or none of them.

    `owner` takes their place where they own the bot, `fallback_owner` where they back it; whoever stays active in the
    other place stays there, unless they have just moved up or down. Both are named for all of the bots: each is active
    and may see them, needed or not. Raises NotFound BOTS_NOT_FOUND; Forbidden PERMISSION_DENIED; Refused
    OWNERS_INVALID, OWNER_CANNOT_SEE.
    """
    with acting(actor, reason):
        rows = _locked(require_may_hand_over_all(person, actor))
        known = _locked_people(rows, owner, fallback_owner)
        if len({person.pk, owner.pk, fallback_owner.pk}) < 3:
            raise Refused("OWNERS_INVALID", f"name two different people, neither of them {person}")
        named = known[owner.pk], known[fallback_owner.pk]
        for row in rows:
            check_owners(row.scope, *named)
        pairs = [_successors(row, person, *named, known) for row in rows]
        _give(rows, pairs, known, actor, reason)
    return rows


def require_may_hand_over_all(person: User, actor: User) -> QuerySet[Bot]:
    """The bots of `person` that `actor` sees, all of which they may hand over.

    Raises NotFound BOTS_NOT_FOUND, Forbidden PERMISSION_DENIED.
    """
    rows = access.within(selectors.of_person(person), actor, "scope").select_related("scope").order_by("pk")
    if not rows:
        raise NotFound("BOTS_NOT_FOUND", f"{person} owns and backs no bot within your reach")
    for row in rows:
        require_may_hand_over(actor, row)
    return rows


def require_owners(bot: Bot) -> None:
    """Nothing while both owners are active, who cannot be deactivated before this transaction ends.

    Raises Refused OWNER_LEFT. For what starts; what runs goes on, and exits and cancels never ask. Who stays active and
    lost the role that let them see the bot owns it still.
    """
    rows = _locked(Bot.objects.filter(pk=bot.pk))
    left = [user for user in _locked_people(rows).values() if not user.is_active]
    if left:
        names = " and ".join(str(user) for user in left)
        raise Refused(
            "OWNER_LEFT",
            f"{names} left, and nobody took their place at {bot}: hand it over to active people, then ask again",
            bot=bot.name,
            owners=[str(user.pk) for user in left],
        )


def check_owners(scope: Scope, owner: User, fallback_owner: User) -> None:
    """Nothing when they are two different active people who may see `scope`.

    Raises Refused OWNERS_INVALID, OWNER_CANNOT_SEE.
    """
    pair = (owner, fallback_owner)
    people_now = all(user.kind == UserKind.PERSON and user.is_active for user in pair)
    if owner.pk == fallback_owner.pk or not people_now:
        raise Refused("OWNERS_INVALID", "the owner and the fallback owner are two different active people")
    if blind := [str(user) for user in pair if not access.may(user, Permission.VIEW, scope)]:
        raise Refused(
            "OWNER_CANNOT_SEE",
            f"{' and '.join(blind)} may not see {scope}: grant a role there first, or name somebody else",
        )


def watch_owners() -> int:
    """Raise and clear the alerts of all who have left and were owners; how many people were looked at."""
    found = list(selectors.leavers())
    for person in found:
        with acting(ACTOR, "a bot needs owners who are active"):
            _tell(person, ACTOR, "what they left without an owner has changed")
    return len(found)


def _locked(rows: QuerySet[Bot]) -> list[Bot]:
    """These bots, locked in order of id, then read as they are once the locks are ours."""
    ids = list(rows.select_related(None).order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    return list(rows.filter(pk__in=ids).select_related(*RELATED).order_by("pk"))


def _locked_people(rows: list[Bot], *others: User) -> dict[UUID, User]:
    """The bots' owners and `others`, locked in order of id: nobody of them is deactivated until this transaction ends.

    A lock that keeps the key: rows may go on to refer to them.
    """
    ids = {pk for row in rows for pk in (row.owner_id, row.fallback_owner_id)} | {user.pk for user in others}
    found = User.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    return {user.pk: user for user in found}


def _successors(
    row: Bot, person: User, owner: User, fallback_owner: User, known: dict[UUID, User]
) -> tuple[User, User]:
    """Who owns and who backs the bot after `person`."""
    if row.owner_id == person.pk:
        stays = known[row.fallback_owner_id]
        return owner, stays if stays.is_active and stays.pk != owner.pk else fallback_owner
    stays = known[row.owner_id]
    return stays if stays.is_active and stays.pk != fallback_owner.pk else owner, fallback_owner


def _give(
    rows: list[Bot], pairs: list[tuple[User, User]], known: dict[UUID, User], actor: User | str, reason: str
) -> None:
    """Write the new owners of locked bots, each with its record, and clear the alerts that this settles."""
    former = {pk for row in rows for pk in (row.owner_id, row.fallback_owner_id)}
    for row, pair in zip(rows, pairs, strict=True):
        if isinstance(actor, User):
            require_may_hand_over(actor, row)
        check_owners(row.scope, *pair)
        before = _owners(row)
        row.owner, row.fallback_owner = pair
        row.save(update_fields=["owner", "fallback_owner"])
        audit.record("bot.handed_over", row, scope_id=row.scope_id, before=before, after=_owners(row))
        nudges.hint("fleet", f"bot:{row.pk}")
    for pk in sorted(former):
        _tell(known[pk], actor, reason)


def _owners(row: Bot) -> dict[str, str]:
    return {"owner": str(row.owner_id), "fallback_owner": str(row.fallback_owner_id)}


def _tell(person: User, actor: User | str, reason: str) -> None:
    """Have one alert a desk that names the bots which `person` has left without an owner, and none where there is none.

    By desk, because desks do not see each other. One that somebody resolves while the bots still want an owner comes
    again, and so does one whose bots are not those any more.
    """
    left = {} if person.is_active else _left_by_desk(person)
    told: set[UUID] = set()
    for alert in selectors.alerts_of_leaver(person):
        if alert.scope_id in left and alert.detail["bots"] == left[alert.scope_id][1]:
            told.add(alert.scope_id)
        else:
            alerts.clear(dedup_key=alert.dedup_key, actor=actor, reason=reason)
    for scope_id, (scope, names) in left.items():
        if scope_id not in told:
            alerts.raise_alert(
                tier=Tier.HIGH,
                code=selectors.OWNER_LEFT,
                title=f"{person} has left and owns bots: hand them over",
                scope=scope,
                target=person,
                detail={"bots": names},
                dedup_key=f"owner-left:{person.pk}:{scope_id}",
                actor=actor,
                reason=reason,
            )


def _left_by_desk(person: User) -> dict[UUID, tuple[Scope, list[str]]]:
    """Scope of the desk -> it, and the names of the bots there that `person` owns or backs."""
    found: dict[UUID, tuple[Scope, list[str]]] = {}
    for row in selectors.of_person(person).select_related(*RELATED).order_by("name"):
        scope = row.strategy.bucket.desk.scope
        found.setdefault(scope.pk, (scope, []))[1].append(row.name)
    return found
