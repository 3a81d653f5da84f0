"""Names of actors, scopes in the order people look for them, and the bots of a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from apps.access import selectors as access
from apps.access.models import Scope, User
from apps.access.states import Permission, ScopeKind
from apps.bots import selectors as owners
from apps.bots.models import Bot

KINDS = list(ScopeKind)


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Actor text -> who that is: `user:<id>` by display name, `job:<name>` as the platform; one query."""
    wanted = {actor for actor in actors if actor}
    ids = {actor: UUID(actor.partition(":")[2]) for actor in wanted if actor.startswith(("user:", "service:"))}
    users = {user.pk: user.display_name for user in User.objects.filter(pk__in=ids.values())} if ids else {}
    names = {actor: users.get(pk, actor) for actor, pk in ids.items()}
    names.update({actor: f"platform: {actor[4:]}" for actor in wanted if actor.startswith("job:")})
    names.update({actor: f"database role {actor[3:]}" for actor in wanted if actor.startswith("db:")})
    return names


def widest_first(scopes: Iterable[Scope]) -> list[Scope]:
    """From the firm down to instruments, by name."""
    return sorted(scopes, key=lambda scope: (KINDS.index(ScopeKind(scope.kind)), scope.name))


@dataclass(frozen=True, slots=True)
class Estate:
    """The bots that a person owns or backs, as far as somebody sees them, and what that somebody may do about it."""

    bots: list[Bot]
    candidates: list[User]
    may_hand_over: bool


def bots_of(person: User, user: User) -> Estate:
    """The bots of `person` within reach of `user`, and who may see all of them, `person` aside."""
    related = ("scope", "owner", "fallback_owner", "strategy__bucket__desk")
    rows = list(access.within(owners.of_person(person), user, "scope").select_related(*related).order_by("name"))
    may = bool(rows) and all(owners.may_hand_over(user, row) for row in rows)
    able = access.holders_of_all(Permission.VIEW, [row.scope for row in rows]) if may else User.objects.none()
    return Estate(bots=rows, candidates=list(able.exclude(pk=person.pk)), may_hand_over=may)
