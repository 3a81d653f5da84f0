"""Applying a declaration: what its plan says, at once or not at all; nothing is loosened alone, nothing promoted."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.bots import services as bots
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet
from apps.common import locks, nudges
from apps.common.canonical import digest as digest_of
from apps.common.errors import Forbidden, Invalid, Refused
from apps.promotions.declarations import rules, selectors
from apps.promotions.declarations.export import export
from apps.promotions.declarations.rules.directions import by_name
from apps.promotions.declarations.rules.facts import moment_of
from apps.promotions.declarations.selectors import Judged
from apps.promotions.models import Declaration
from apps.releases import services as releases
from apps.releases.models import Release
from apps.risk import services as risk
from apps.risk.models import Limit

__all__ = ["apply", "export"]


@dataclass(slots=True)
class Made:
    """What applying a declaration has made, or found there already."""

    config: ConfigBundle | None = None
    parameters: ParameterSet | None = None
    code: CodeVersion | None = None
    release: Release | None = None


def apply(*, bot: Bot, raw: bytes, digest: str, actor: User, reason: str) -> Declaration:
    """Do what the plan with that digest says, in one transaction, and keep the declaration.

    New versions are pushed, a named code becomes a release, lower limits count at once, and higher ones are asked for:
    another person grants them. The same declaration again, or a plan that was applied already, changes nothing and
    answers with what is there. Raises Invalid DOCUMENT_UNREADABLE, DECLARATION_INVALID, REASON_MISSING; Refused
    PLAN_STALE when the state or the text is not what the plan saw, PLAN_REFUSED; Forbidden PERMISSION_DENIED,
    PERSON_NEEDED; each of the plan's refusals with `failures`.
    """
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why; the audit keeps it")
    with acting(actor, reason):
        row = locks.row(Bot.objects.select_related(*selectors.RELATED), bot.pk)
        list(Limit.objects.filter(scope=row.scope).order_by("pk").select_for_update(no_key=True))
        last = selectors.newest(row)
        if last is not None and _is_repeat(last, raw, digest, actor):
            return last
        judged = selectors.judge(row, raw)
        if judged.plan.digest != digest:
            raise Refused("PLAN_STALE", "the state or the declaration has changed since the plan: plan again")
        _require(row, judged.plan, actor)
        content_digest = digest_of(judged.document.value)
        if last is not None and not judged.plan.todo and last.digest == content_digest:
            return last
        raises = _move_limits(row, judged, actor, reason)
        made = _make(row, judged, actor, reason)
        kept = _keep(row, judged, made, raises, raw=raw, digest=content_digest, actor=actor, reason=reason, last=last)
        nudges.hint("fleet", f"bot:{row.pk}")
    return kept


def _is_repeat(last: Declaration, raw: bytes, digest: str, actor: User) -> bool:
    """Whether the same person sends again what became of the newest declaration."""
    return last.plan_digest == digest and last.applied_by_id == actor.pk and last.text.encode() == raw


def _require(bot: Bot, plan: rules.Plan, actor: User) -> None:
    """Refuse the whole plan, with the lines, when the caller may not do all of it."""
    found = selectors.demands(bot, plan, actor)
    if not found:
        return
    line, code, fix = found[0]
    failures = [
        {
            "code": demand,
            "line": one.line,
            "column": 1,
            "path": one.path,
            "problem": f"{one.path}: {one.before} → {one.after}",
            "fix": why,
            "severity": "error",
        }
        for one, demand, why in found
    ]
    kind = Refused if code == "PLAN_REFUSED" else Forbidden
    raise kind(code, f"line {line.line}: {line.path}: {fix}; nothing was applied", failures=failures)


def _move_limits(bot: Bot, judged: Judged, actor: User, reason: str) -> list[UUID]:
    """Lower what the plan lowers, then ask for what it asks for; the ids of the raises."""
    declared, raises = by_name(judged.document.value.get("limits", {})), []
    for line in judged.plan.of(rules.Action.LOWER):
        kind = line.path.removeprefix("limits.")
        risk.set_limit(scope=bot.scope, kind=kind, value=Decimal(declared[kind][0]), actor=actor, reason=reason)
    for line in judged.plan.of(rules.Action.ASK):
        kind = line.path.removeprefix("limits.")
        value, until = declared[kind]
        ends = moment_of(until) if until else None
        asked = risk.request_raise(
            scope=bot.scope, kind=kind, value=Decimal(value), expires_at=ends, actor=actor, reason=reason
        )
        raises.append(asked.pk)
    return raises


def _make(bot: Bot, judged: Judged, actor: User, reason: str) -> Made:
    """Owners, versions and release as declared; what is not declared stays what it is."""
    declared, now = judged.document.value, selectors.heads(bot)
    made = Made(now.config, now.parameters, None, now.release)
    by: dict[str, Any] = {"actor": actor, "reason": reason}
    if judged.plan.of(rules.Action.HAND_OVER):
        _hand_over(bot, declared["bot"], actor, reason)
    code = CodeVersion.objects.filter(bot=bot, artifact_sha256=judged.code.digest).first() if judged.code else None
    if judged.bundle is not None:
        made.config = bots.push_config(bot=bot, content=judged.bundle, **by)
    if "parameters" in declared and code is not None:
        made.parameters = bots.push_parameters(bot=bot, code_version=code, content=declared["parameters"], **by)
    if "code" in declared and code is not None and made.config and made.parameters:
        made.code = code
        made.release = releases.make_release(
            bot=bot, code_version=code, config_bundle=made.config, parameter_set=made.parameters, **by
        )
    return made


def _hand_over(bot: Bot, declared: dict[str, Any], actor: User, reason: str) -> None:
    names = {role: declared.get(role, getattr(bot, role).username) for role in ("owner", "fallback_owner")}
    owners = {role: User.objects.get(username=name) for role, name in names.items()}
    bots.hand_over(bot=bot, **owners, actor=actor, reason=reason)


def _keep(
    bot: Bot,
    judged: Judged,
    made: Made,
    raises: list[UUID],
    *,
    raw: bytes,
    digest: str,
    actor: User,
    reason: str,
    last: Declaration | None,
) -> Declaration:
    """The row of what was declared and what came of it, with its record."""
    kept = Declaration.objects.create(
        bot=bot,
        number=1 if last is None else last.number + 1,
        digest=digest,
        text=raw.decode(),
        content=judged.document.value,
        plan_digest=judged.plan.digest,
        lines=[line.as_json() for line in judged.plan.lines],
        raises=[str(pk) for pk in raises],
        heads=selectors.head_numbers(bot),
        config_bundle=made.config,
        parameter_set=made.parameters,
        code_version=made.code,
        release=made.release,
        applied_by=actor,
        reason=reason,
    )
    after = {"number": kept.number, "digest": digest, "plan_digest": kept.plan_digest, "lines": kept.lines}
    before = None if last is None else {"number": last.number, "digest": last.digest}
    audit.record("declaration.applied", kept, scope_id=bot.scope_id, before=before, after=after)
    return kept
