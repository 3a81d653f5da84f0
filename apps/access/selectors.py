"""Who may do what where; every list of the product filters by these."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from apps.access import rules
from apps.access.models import Consent, Firm, RoleGrant, Scope, ScopePermission, User, Vote
from apps.access.states import ConsentState, Permission, UserKind
from apps.common.clocks import wall_now
from apps.common.errors import NotFound

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Seat:
    """A slot of a consent: who filled it, or who still may."""

    permission: str
    filled_by: User | None
    voted_at: datetime | None
    candidates: tuple[User, ...]


def firm() -> Firm:
    """The firm of this installation."""
    found = Firm.objects.select_related("scope").first()
    if found is None:
        raise NotFound("FIRM_MISSING", "this installation has no firm yet: run `manage.py seed_demo`")
    return found


def grants_of(user: User) -> dict[str, set[UUID]]:
    """The user's permissions: codename -> scopes on which they were granted.

    Read once a request: the answer stays on the user object, which lives as long as the request. A token
    narrows it to its own permissions.
    """
    known: dict[str, set[UUID]] | None = getattr(user, "_grants", None)
    if known is None:
        known = _read_grants(user)
        user._grants = known  # type: ignore[attr-defined]
    return known


def _read_grants(user: User) -> dict[str, set[UUID]]:
    if not user.is_active:
        return {}
    token = user.acting_token
    found: dict[str, set[UUID]] = {}
    rows = ScopePermission.objects.filter(user=user).values_list("permission__codename", "content_object_id")
    for codename, scope_id in rows:
        if token is None or codename in token.permissions:
            found.setdefault(codename, set()).add(scope_id)
    if token is not None and token.scope is not None:
        return _narrowed(found, token.scope)
    return found


def _narrowed(granted: dict[str, set[UUID]], scope: Scope) -> dict[str, set[UUID]]:
    """The grants as far as they hold on `scope` and below it."""
    inside = set(Scope.objects.filter(path__startswith=scope.path).values_list("pk", flat=True))
    above = set(scope.lineage)
    narrowed = {
        codename: (found & inside) | ({scope.pk} if found & above else set()) for codename, found in granted.items()
    }
    return {codename: found for codename, found in narrowed.items() if found}


def may(user: User, permission: str, scope: Scope) -> bool:
    """Whether `user` holds `permission` on `scope` or on anything above it."""
    return not grants_of(user).get(permission, set()).isdisjoint(scope.lineage)


def visible_scopes(user: User, permission: str = Permission.VIEW) -> models.QuerySet[Scope]:
    """Scopes at or below which the user holds `permission`."""
    roots = Scope.objects.filter(pk__in=grants_of(user).get(permission, set())).values_list("path", flat=True)
    below = Q(pk__in=[])
    for path in roots:
        below |= Q(path__startswith=path)
    return Scope.objects.filter(below)


def visible_scope_ids(user: User, permission: str = Permission.VIEW) -> set[UUID]:
    """Ids of `visible_scopes`; computed once a request."""
    cache: dict[str, set[UUID]] = getattr(user, "_visible", {})
    if permission not in cache:
        cache[permission] = set(visible_scopes(user, permission).values_list("pk", flat=True))
        user._visible = cache  # type: ignore[attr-defined]
    return cache[permission]


def within(
    rows: models.QuerySet[Row], user: User, scope_field: str, permission: str = Permission.VIEW
) -> models.QuerySet[Row]:
    """Only the rows whose scope (by the path `scope_field`) the user may reach."""
    return rows.filter(**{f"{scope_field}__in": visible_scope_ids(user, permission)})


def holders(permission: str, scope: Scope) -> models.QuerySet[User]:
    """Active people who hold `permission` on `scope` or above; never service accounts."""
    return User.objects.filter(
        kind=UserKind.PERSON,
        is_active=True,
        pk__in=ScopePermission.objects.filter(
            permission__codename=permission, content_object_id__in=scope.lineage
        ).values("user_id"),
    )


def holders_of_all(permission: str, scopes: Collection[Scope]) -> models.QuerySet[User]:
    """Active people who hold `permission` on each of the scopes or above it; one look at grants, however many."""
    lineages = [set(scope.lineage) for scope in scopes]
    granted: dict[UUID, set[UUID]] = {}
    rows = ScopePermission.objects.filter(
        permission__codename=permission, content_object_id__in=set[UUID]().union(*lineages)
    ).values_list("user_id", "content_object_id")
    for user_id, scope_id in rows:
        granted.setdefault(user_id, set()).add(scope_id)
    able = [pk for pk, held in granted.items() if not any(held.isdisjoint(lineage) for lineage in lineages)]
    return User.objects.filter(kind=UserKind.PERSON, is_active=True, pk__in=able)


def abilities(consent: Consent, votes: list[Vote]) -> dict[UUID, frozenset[str]]:
    """What each approving voter may fill now: a role taken away takes the seat with it."""
    able: dict[UUID, frozenset[str]] = {}
    for vote in votes:
        if vote.approve and vote.voter.is_active:
            held = {p for p in consent.slots if may(vote.voter, p, consent.scope)}
            able[vote.voter_id] = frozenset(held)
    return able


def seats_of(consent: Consent) -> list[Seat]:
    """The consent's slots in order: filled by whom, or fillable by whom.

    A slot without a candidate is a deadlock that the page shows before it happens.
    """
    votes = list(consent.votes.select_related("voter").order_by("created_at"))
    taken = rules.seat(consent.slots, abilities(consent, votes))
    by_voter = {vote.voter_id: vote for vote in votes}
    barred = {UUID(text) for text in consent.excluded} | set(by_voter)
    seats = []
    for index, permission in enumerate(consent.slots):
        vote = by_voter.get(taken[index]) if index in taken else None
        candidates = () if vote else tuple(holders(permission, consent.scope).exclude(pk__in=barred))
        seats.append(Seat(permission, vote.voter if vote else None, vote.created_at if vote else None, candidates))
    return seats


def is_standing(consent: Consent) -> bool:
    """Whether a granted consent still holds: unexpired, and its voters still hold their roles."""
    if consent.state != ConsentState.GRANTED or consent.expires_at <= wall_now():
        return False
    votes = list(consent.votes.select_related("voter"))
    return rules.is_granted(consent.slots, abilities(consent, votes))


def open_consents_for(user: User) -> list[Consent]:
    """Open consents in which `user` could fill a free slot now."""
    mine = []
    waiting = within(Consent.objects.filter(state=ConsentState.OPEN, expires_at__gt=wall_now()), user, "scope")
    for consent in waiting.select_related("scope", "requested_by"):
        if any(user in seat.candidates for seat in seats_of(consent)):
            mine.append(consent)
    return mine


def role_grants(user: User) -> models.QuerySet[RoleGrant]:
    """The user's roles with their scopes."""
    return RoleGrant.objects.filter(user=user).select_related("role", "scope")
