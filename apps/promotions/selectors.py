"""What voters see: evidence, differences, and who can still approve."""

from dataclasses import dataclass

from apps.access import selectors as access
from apps.access.models import User
from apps.access.selectors import Seat
from apps.audit.models import Record
from apps.common.decimals import text_of
from apps.common.errors import Refused
from apps.promotions import rules
from apps.promotions.models import Policy, Promotion
from apps.promotions.states import PromotionState
from apps.releases import selectors as releases
from apps.releases.models import Gate, Release
from apps.releases.states import GateKind, GateState


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """A release beside the one it would replace."""

    before: Release | None
    after: Release
    limits: list[rules.LimitChange]
    code: list[rules.Change]
    config: list[rules.Change]
    parameters: list[rules.Change]


def policy_for(stage: str, environment: str) -> Policy:
    """The newest policy of a stage; without one nothing is promoted (POLICY_MISSING)."""
    found = Policy.objects.filter(stage=stage, environment=environment).order_by("-version").first()
    if found is None:
        raise Refused("POLICY_MISSING", f"no policy says what {stage} in {environment} needs")
    return found


def evidence(promotion: Promotion) -> list[Gate]:
    """The gates that the promotion's policy names, in its order, those not yet requested left out."""
    gates = promotion.release.gates.select_related("backtest__dataset", "definition").filter(
        kind__in=promotion.policy.gates
    )
    order = {kind: index for index, kind in enumerate(GateKind.values)}
    return sorted(gates, key=lambda gate: order[gate.kind])


def running_release(promotion: Promotion) -> Release | None:
    """What was last applied on the same account: the release that this one would replace."""
    last = (
        Promotion.objects.filter(
            bot=promotion.bot,
            account=promotion.account,
            state=PromotionState.APPLIED,
            number__lt=promotion.number,
        )
        .select_related("release__code_version", "release__config_bundle", "release__parameter_set")
        .order_by("-number")
        .first()
    )
    return last.release if last else None


def compare(before: Release | None, after: Release) -> ReleaseDiff:
    """Two releases side by side; limits that widen come first."""
    old_config = before.config_bundle.content if before else {}
    return ReleaseDiff(
        before=before,
        after=after,
        limits=rules.limit_changes(old_config.get("limits", {}), after.config_bundle.content["limits"]),
        code=rules.difference(_code(before), _code(after)),
        config=rules.difference(old_config, after.config_bundle.content),
        parameters=rules.difference(before.parameter_set.content if before else {}, after.parameter_set.content),
    )


def diff(promotion: Promotion) -> ReleaseDiff:
    """The promotion's release against what runs now."""
    return compare(running_release(promotion), promotion.release)


def who_can_approve(promotion: Promotion) -> list[Seat]:
    """The slots: filled by whom, or fillable by whom; before voting has begun, by the policy."""
    return access.seats_of(promotion.consent) if promotion.consent else []


def excluded_voters(release: Release) -> list[User]:
    """Whoever made any part of the release cannot vote on it."""
    return releases.builders(release)


def editors(promotion: Promotion) -> list[User]:
    """Whoever changed what is asked for, at any time; they cannot vote on it (from the record of acts)."""
    edits = Record.objects.filter(
        object_kind=promotion._meta.label_lower, object_id=promotion.pk, act="promotion.edited"
    )
    ids = {actor.partition(":")[2] for actor in edits.values_list("actor", flat=True)}
    return list(User.objects.filter(pk__in=ids))


def bound(promotion: Promotion) -> dict[str, object]:
    """Exactly what a vote consents to, read fresh: the digest is over this (design rule 7)."""
    release, gates = promotion.release, evidence(promotion)
    covered: dict[str, object] = {
        "account": promotion.account.name,
        "bot": str(promotion.bot_id),
        "build_id": release.build_id,
        "capital": text_of(promotion.capital),
        "environment": promotion.environment,
        "evidence": {gate.kind: gate.evidence_digest for gate in gates},
        "limits": release.config_bundle.content["limits"],
        "policy": {"id": str(promotion.policy_id), "version": promotion.policy.version},
        "stage": promotion.stage,
    }
    waived = {
        gate.kind: gate.valid_until.isoformat() for gate in gates if gate.state == GateState.WAIVED and gate.valid_until
    }
    return covered | {"waived": waived} if waived else covered


def _code(release: Release | None) -> dict[str, str]:
    if release is None:
        return {}
    code = release.code_version
    return {
        "version": code.version,
        "git_sha": code.git_sha,
        "artifact_sha256": code.artifact_sha256,
        "lockfile_sha256": code.lockfile_sha256,
        "signed_by": code.signer.name,
    }
