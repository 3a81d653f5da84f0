"""Names of actors, and scopes in the order people look for them."""

from collections.abc import Iterable
from uuid import UUID

from apps.access.models import Scope, User
from apps.access.states import ScopeKind

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
