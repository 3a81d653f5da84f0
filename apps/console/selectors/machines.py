"""Machines: service accounts with their roles, the tokens that people made for them, and the workloads they trust."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from apps.access.models import RoleGrant, Token, User, WorkloadTrust
from apps.access.states import UserKind
from apps.common.clocks import wall_now

WARN_BEFORE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class MachineView:
    """A service account, what it may, and how many ways in it has."""

    row: User
    roles: list[RoleGrant]
    tokens: int
    trusts: int


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token, never its digest, and how it stands."""

    row: Token
    state: str  # standing, ending (within WARN_BEFORE), expired, revoked
    is_replaced: bool

    @property
    def is_standing(self) -> bool:
        """Whether it still opens doors."""
        return self.state in ("standing", "ending")


def accounts() -> list[MachineView]:
    """Every service account by name, those that have ended last."""
    now = wall_now()
    standing = Q(tokens__revoked_at=None, tokens__expires_at__gt=now, tokens__trust=None)
    rows = list(
        User.objects.filter(kind=UserKind.SERVICE)
        .annotate(
            standing=Count("tokens", filter=standing, distinct=True),
            trusted=Count("trusts", filter=Q(trusts__revoked_at=None), distinct=True),
        )
        .order_by("-is_active", "username")
    )
    roles: dict[UUID, list[RoleGrant]] = {}
    for grant in RoleGrant.objects.filter(user__in=rows).select_related("role", "scope"):
        roles.setdefault(grant.user_id, []).append(grant)
    return [MachineView(row, roles.get(row.pk, []), row.standing, row.trusted) for row in rows]


def made_tokens() -> QuerySet[Token]:
    """The tokens that people made, the newest first; exchanged ones are counted with their trust."""
    return Token.objects.filter(trust=None).select_related("user", "scope").order_by("-pk")


def token_views(rows: Sequence[Token]) -> list[TokenView]:
    """How each of them stands."""
    replaced = set(Token.objects.filter(replaces__in=list(rows)).values_list("replaces_id", flat=True))
    return [TokenView(row, _state(row), row.pk in replaced) for row in rows]


def ending_soon() -> int:
    """How many tokens end within a week and have no successor."""
    now = wall_now()
    soon = made_tokens().filter(
        revoked_at=None, user__is_active=True, expires_at__gt=now, expires_at__lte=now + WARN_BEFORE
    )
    return soon.filter(replaced_by=None).count()


def trusts() -> QuerySet[WorkloadTrust]:
    """Trusted workloads, standing ones first; `alive` counts the exchanged tokens that still count."""
    alive = Count("tokens", filter=Q(tokens__expires_at__gt=wall_now(), tokens__revoked_at=None))
    rows = WorkloadTrust.objects.select_related("user", "scope").annotate(alive=alive)
    return rows.order_by("-pk")


def _state(row: Token) -> str:
    now = wall_now()
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at <= now:
        return "expired"
    return "ending" if row.expires_at <= now + WARN_BEFORE else "standing"
