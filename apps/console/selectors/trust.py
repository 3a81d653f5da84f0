"""What a person sees of trust: keys with what they vouched for, verdicts, and the make-up of a build."""

from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Count, Max, QuerySet

from apps.access import selectors as access
from apps.access.models import Desk, User
from apps.access.states import Permission
from apps.bots import selectors
from apps.bots.models import CodeVersion, Signer, TrustedBuilder, TrustedKey, Verification

KEYS_SHOWN = 100
Key = TypeVar("Key", bound=TrustedKey)


@dataclass(frozen=True, slots=True)
class CodeView:
    """A code version with what is trusted of it now."""

    row: CodeVersion
    attested: dict[str, str] | None
    components: list[selectors.Component]
    is_trusted: bool


def signers(user: User) -> list[Signer]:
    """Keys that sign builds, trusted ones first."""
    return _keys(Signer.objects.all(), user)


def builders(user: User) -> list[TrustedBuilder]:
    """CIs that attest builds, trusted ones first."""
    return _keys(TrustedBuilder.objects.all(), user)


def administered(user: User) -> list[Desk]:
    """Desks whose keys the person may change."""
    rows = access.within(Desk.objects.all(), user, "scope", permission=Permission.ADMINISTER)
    return list(rows.order_by("name"))


def verdicts(user: User) -> QuerySet[Verification]:
    """Verifications within reach, newest first."""
    rows = Verification.objects.select_related("code_version__bot")
    return access.within(rows, user, "code_version__bot__scope").order_by("-id")


def code_view(row: CodeVersion) -> CodeView:
    """A code version, judged now."""
    keys: list[TrustedKey] = [key for key in (row.signer, row.builder) if key is not None]
    trusted = all(key.is_trusted for key in keys)
    return CodeView(row, selectors.ci_provenance(row), selectors.components_of(row), trusted)


def _keys(rows: QuerySet[Key], user: User) -> list[Key]:
    found = access.within(rows.select_related("desk", "replaces"), user, "desk__scope")
    counted = found.annotate(vouched=Count("codeversion"), vouched_last=Max("codeversion__created_at"))
    newest = counted.order_by("desk__name", "-id")[:KEYS_SHOWN]
    return sorted(newest, key=lambda row: not row.is_trusted)
