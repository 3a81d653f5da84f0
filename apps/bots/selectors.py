"""Who owns which bots and may hand them over; what is trusted of code versions."""

import base64

from django.db.models import Q, QuerySet

from apps.access import selectors as access
from apps.access.models import User
from apps.access.states import Permission
from apps.alerts.models import Alert
from apps.alerts.states import AlertState
from apps.bots import provenance
from apps.bots.models import Bot, CodeVersion, TrustedBuilder
from apps.bots.sbom import Component as Component
from apps.bots.sbom import components
from apps.common.clocks import wall_now

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


def ci_provenance(code: CodeVersion, builder: TrustedBuilder | None = None) -> dict[str, str] | None:
    """What a trusted CI attests of a code version, judged at this moment; None when nobody trusted does.

    A laptop's push has none, and a build whose CI's key is not trusted any more has none either. `builder` saves
    reading it again where it was just read.
    """
    try:
        return attested(code, builder)
    except provenance.ProvenanceRefused:
        return None


def attested(code: CodeVersion, builder: TrustedBuilder | None = None) -> dict[str, str] | None:
    """What the code version's CI attests, judged now; None for a laptop's push. Raises ProvenanceRefused."""
    if code.builder_id is None:
        return None
    builder = builder or TrustedBuilder.objects.get(pk=code.builder_id)
    _, facts = provenance.judge(
        code.provenance,
        artifact_sha256=code.artifact_sha256,
        git_sha=code.git_sha,
        builders=[as_builder(builder)],
        now=wall_now(),
    )
    return facts


def as_builder(row: TrustedBuilder) -> provenance.Builder:
    """The row as the rules take it."""
    return provenance.Builder(
        key_id=row.key_id,
        public_key=base64.b64decode(row.public_key),
        builder_id=row.builder_id,
        source_repository=row.source_repository,
        refs=tuple(row.refs),
        is_trusted=row.is_trusted,
    )


def untrusted() -> QuerySet[CodeVersion]:
    """Code versions that a revoked key signed or attested: none of them may start, and what runs of them must stop."""
    now = wall_now()
    return CodeVersion.objects.filter(Q(signer__revoked_at__lte=now) | Q(builder__revoked_at__lte=now))


def components_of(code: CodeVersion) -> list[Component]:
    """What a code version is made of, by its SBOM; nothing when it has none."""
    return components(code.sbom)
