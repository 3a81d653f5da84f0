"""Asking for a promotion, voting on it, and reporting what became of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Max

from apps.access import services as access
from apps.access.models import User
from apps.access.states import Permission
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.bots import selectors as provenances
from apps.bots import services as bots
from apps.bots.models import Bot
from apps.bots.states import Environment
from apps.common import locks, nudges, states
from apps.common.canonical import digest
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Invalid, Refused
from apps.promotions import rules, selectors
from apps.promotions.models import Policy, Promotion
from apps.promotions.states import PROMOTION_TRANSITIONS, PromotionState
from apps.releases import services as releases
from apps.releases.models import Release
from apps.releases.states import GateKind
from apps.risk import selectors as risk
from apps.venues.models import Account

ACT = "promotion.apply"
OPEN = (PromotionState.GATING, PromotionState.VOTING, PromotionState.APPROVED)


def set_policy(
    *, stage: str, environment: str, gates: list[str], slots: list[str], actor: User | str, reason: str
) -> Policy:
    """A new version of what a stage needs; promotions under way keep the version they were asked under.

    Raises Invalid POLICY_INVALID for gates nobody runs, gates named twice, and slots that are no vote: a
    promotion under such a policy could never be decided, or by anybody.
    """
    known, votes = set(GateKind.values), {Permission.VOTE_TRADER.value, Permission.VOTE_RISK.value}
    if not gates or len(set(gates)) != len(gates) or not set(gates) <= known:
        raise Invalid("POLICY_INVALID", f"gates are one or more of {', '.join(sorted(known))}, each once")
    if not slots or not set(slots) <= votes:
        raise Invalid("POLICY_INVALID", f"slots are one or more of {', '.join(sorted(votes))}")
    with acting(actor, reason):
        access.lock_firm()
        top = Policy.objects.filter(stage=stage, environment=environment).aggregate(top=Max("version"))["top"]
        policy = Policy.objects.create(
            stage=stage, environment=environment, version=(top or 0) + 1, gates=gates, slots=slots
        )
        audit.record("policy.set", policy, after={"gates": gates, "slots": slots})
    return policy


def request(
    *,
    release: Release,
    account: Account,
    stage: str,
    environment: str,
    capital: Decimal,
    actor: User,
    reason: str,
) -> Promotion:
    """Ask to run `release` on `account`; gates run first, then people vote.

    Raises Refused POLICY_MISSING, ENVIRONMENT_MISMATCH, ACCOUNT_OUTSIDE_BLAST_RADIUS,
    LIVE_NEEDS_PROVENANCE, DRILL_OVERDUE, DRILL_MISSING, OWNER_LEFT, PROMOTION_OPEN; Invalid CAPITAL_NOT_POSITIVE,
    REASON_MISSING.
    """
    _check_target(release, account, environment)
    _check_drills(release.bot, account)
    if capital <= 0:
        raise Invalid("CAPITAL_NOT_POSITIVE", "capital must be more than zero", capital=str(capital))
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why; voters read it and the audit keeps it")
    policy = selectors.policy_for(stage, environment)
    try:
        with acting(actor, reason):
            bots.require_owners(release.bot)
            access.lock_firm()
            top = Promotion.objects.aggregate(top=Max("number"))["top"] or 0
            promotion = Promotion.objects.create(
                number=top + 1,
                bot=release.bot,
                release=release,
                account=account,
                stage=stage,
                environment=environment,
                capital=capital,
                policy=policy,
                requested_by=actor,
                reason=reason,
                expires_at=wall_now() + timedelta(hours=settings.PROMOTION_EXPIRES_H),
                due_at=wall_now(),
            )
            releases.request_gates(
                release=release,
                kinds=policy.gates,
                actor=actor,
                reason=f"gates of {promotion}",
                compared_with=selectors.running_release(promotion),
            )
            audit.record("promotion.requested", promotion, scope_id=release.bot.scope_id)
            _announce(promotion)
            nudges.wake("promotions.settle_due")
    except IntegrityError as error:
        raise Refused(
            "PROMOTION_OPEN", f"{release.bot} has an open promotion on {account}: finish or withdraw it first"
        ) from error
    return promotion


def edit(*, promotion: Promotion, capital: Decimal, actor: User, reason: str) -> Promotion:
    """Change the capital asked for; whatever was voted is void, and voting starts again.

    Raises Invalid CAPITAL_NOT_POSITIVE, Refused PROMOTION_NOT_OPEN.
    """
    if capital <= 0:
        raise Invalid("CAPITAL_NOT_POSITIVE", "capital must be more than zero", capital=str(capital))
    with _locked(promotion, actor, reason) as row:
        if row.state not in OPEN:
            raise Refused("PROMOTION_NOT_OPEN", f"{row} is {row.state}")
        before, row.capital = row.capital, capital
        row.save(update_fields=["capital"])
        audit.record(
            "promotion.edited",
            row,
            scope_id=row.bot.scope_id,
            before={"capital": str(before)},
            after={"capital": str(capital)},
        )
        if row.state != PromotionState.GATING:
            _void_votes(row, actor, "the capital was edited")
            _open_voting(row, actor)
    return row


def settle(promotion: Promotion) -> Promotion:
    """Look at the gates of a promotion that waits for them: open the vote, refuse, or wait on."""
    with _locked(promotion, job("promotions"), "gates decided") as row:
        if row.state != PromotionState.GATING:
            return row
        gates = selectors.evidence(row)
        found = rules.verdict((gate.state, releases.is_open(gate)) for gate in gates)
        if found == "open" and len(gates) == len(row.policy.gates):
            states.move(row, PromotionState.VOTING, PROMOTION_TRANSITIONS, due_at=None)
            _open_voting(row, row.requested_by)
        elif found == "closed":
            failed = ", ".join(gate.get_kind_display() for gate in gates if not releases.is_open(gate))
            _end(row, PromotionState.REFUSED, f"gates that do not pass: {failed}")
    return row


def vote(*, promotion: Promotion, actor: User, approve: bool, reason: str, digest: str) -> Promotion:
    """Vote on exactly what `digest` covers. The last slot approves it and makes its application due.

    Raises Refused PROMOTION_NOT_VOTING or what access.services.vote raises.
    """
    with _locked(promotion, actor, reason) as row:
        if row.state != PromotionState.VOTING or row.consent is None:
            raise Refused("PROMOTION_NOT_VOTING", f"{row} is {row.state}: there is nothing to vote on")
        consent = access.vote(consent=row.consent, actor=actor, approve=approve, reason=reason, digest=digest)
        if consent.state == "granted":
            states.move(row, PromotionState.APPROVED, PROMOTION_TRANSITIONS, due_at=wall_now())
            audit.record("promotion.approved", row, scope_id=row.bot.scope_id, after={"digest": digest})
            nudges.wake("rollouts.apply_due")
        elif consent.state == "denied":
            _end(row, PromotionState.DENIED, f"denied: {reason}")
    return row


def withdraw(*, promotion: Promotion, actor: User, reason: str) -> Promotion:
    """Take an open promotion back. Raises Refused STATE_CONFLICT when it has ended."""
    with _locked(promotion, actor, reason) as row:
        _end_consent(row, actor, reason)
        _end(row, PromotionState.WITHDRAWN, reason)
    return row


def ready_to_apply(promotion: Promotion) -> Promotion:
    """Everything that must still hold at the moment of applying, read fresh under locks.

    Raises Refused: PROMOTION_NOT_APPROVED, GATE_NOT_OPEN, DRILL_OVERDUE, DRILL_MISSING, LIVE_NEEDS_PROVENANCE,
    DIGEST_CHANGED, CONSENT_*.
    """
    row = Promotion.objects.select_for_update(of=("self",)).get(pk=promotion.pk)
    if row.state != PromotionState.APPROVED or row.consent is None:
        raise Refused("PROMOTION_NOT_APPROVED", f"{row} is {row.state}")
    shut = sorted({*row.policy.gates} - {gate.kind for gate in selectors.evidence(row) if releases.is_open(gate)})
    if shut:
        raise Refused("GATE_NOT_OPEN", f"gates no longer open: {', '.join(shut)}", gates=shut)
    _check_drills(row.bot, row.account)
    _check_provenance(row.release, row.environment)
    access.use_consent(consent=row.consent, digest=digest(selectors.bound(row)))
    return row


def mark_applied(*, promotion: Promotion, actor: User | str, reason: str) -> Promotion:
    """Rollouts reports that the promotion runs."""
    with _locked(promotion, actor, reason) as row:
        states.move(row, PromotionState.APPLIED, PROMOTION_TRANSITIONS, due_at=None, outcome=reason)
        audit.record("promotion.applied", row, scope_id=row.bot.scope_id)
    return row


def mark_refused(*, promotion: Promotion, error: DomainError, actor: User | str) -> Promotion:
    """Rollouts reports that a re-check at apply refused it; a changed digest makes it void.

    One that was withdrawn or edited meanwhile stays what it became.
    """
    state = PromotionState.VOID if error.code == "DIGEST_CHANGED" else PromotionState.REFUSED
    with _locked(promotion, actor, error.message) as row:
        if row.state == PromotionState.APPROVED:
            _end(row, state, f"{error.code}: {error.message}")
    return row


def expire_due() -> int:
    """End open promotions whose time is over; how many."""
    late = list(Promotion.objects.filter(state__in=OPEN, expires_at__lte=wall_now()))
    for promotion in late:
        with _locked(promotion, job("expiry"), "nobody decided in time") as row:
            if row.state in OPEN:
                _end_consent(row, job("expiry"), "nobody decided in time")
                _end(row, PromotionState.EXPIRED, "nobody decided in time")
    return len(late)


def _check_target(release: Release, account: Account, environment: str) -> None:
    if account.environment != environment:
        raise Refused("ENVIRONMENT_MISMATCH", f"{account} is a {account.environment} account, not {environment}")
    if account.name not in release.config_bundle.content["accounts"]:
        raise Refused("ACCOUNT_OUTSIDE_BLAST_RADIUS", f"the config of {release} does not name {account}")
    if release.config_bundle.content.get("venue", account.venue.name) != account.venue.name:
        raise Refused("VENUE_MISMATCH", f"the config of {release} is for another venue than {account.venue}")
    if account.bucket_id != release.bot.strategy.bucket_id:
        raise Refused("ACCOUNT_OTHER_BUCKET", f"{account} belongs to another risk bucket than {release.bot}")
    _check_provenance(release, environment)


def _check_provenance(release: Release, environment: str) -> None:
    """Live takes what a trusted CI has built, as it is judged now: its key or its refs may be revoked meanwhile."""
    if environment == Environment.LIVE and provenances.ci_provenance(release.code_version) is None:
        raise Refused("LIVE_NEEDS_PROVENANCE", "a build without CI provenance stops at paper")


def _check_drills(bot: Bot, account: Account) -> None:
    scope_ids = {*bot.scope.lineage, *account.scope.lineage, account.venue.scope_id}
    code = risk.drill_refusal(scope_ids, account.environment)
    if code is not None:
        raise Refused(code, "the kill switch has not been drilled as it must be: run the drill, then ask again")


@contextmanager
def _locked(promotion: Promotion, actor: User | str, reason: str) -> Iterator[Promotion]:
    with acting(actor, reason):
        related = ("bot", "release__bot", "release__config_bundle", "account", "policy", "requested_by")
        row = locks.row(Promotion.objects.select_related(*related), promotion.pk)
        yield row
        _announce(row)


def _open_voting(row: Promotion, actor: User) -> None:
    covered = selectors.bound(row)
    row.bound, row.digest = covered, digest(covered)
    row.consent = access.open_consent(
        act=ACT,
        target=row,
        scope=row.bot.scope,
        digest=row.digest,
        slots=row.policy.slots,
        excluded=[row.requested_by, *selectors.excluded_voters(row.release), *selectors.editors(row)],
        expires_at=row.expires_at,
        actor=actor,
        reason=row.reason,
    )
    row.save(update_fields=["bound", "digest", "consent"])


def _void_votes(row: Promotion, actor: User, reason: str) -> None:
    if row.consent is not None:
        access.void_consent(consent=row.consent, actor=actor, reason=reason)
    if row.state == PromotionState.APPROVED:
        states.move(row, PromotionState.VOTING, PROMOTION_TRANSITIONS, due_at=None)


def _end_consent(row: Promotion, actor: User | str, reason: str) -> None:
    if row.consent is not None and row.consent.state in ("open", "granted"):
        access.withdraw_consent(consent=row.consent, actor=actor, reason=reason)


def _end(row: Promotion, state: PromotionState, outcome: str) -> None:
    states.move(row, state, PROMOTION_TRANSITIONS, outcome=outcome, due_at=None)
    audit.record(f"promotion.{state.value}", row, scope_id=row.bot.scope_id, after={"outcome": outcome})


def _announce(promotion: Promotion) -> None:
    nudges.hint("promotions", f"promotion:{promotion.pk}", f"bot:{promotion.bot_id}")
