"""The repeat-execution throttle: a bot that repeats itself is disabled until a named person enables it again.

RTS 6 (EU 2017/589) art. 15(1)(c): throttles that disable a strategy after a number of repeated executions.
"""

from apps.access.models import Scope, User
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.common import locks, nudges
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden, Invalid, Refused
from apps.risk.models import Throttle


def throttle(*, scope: Scope, repeats: int) -> None:
    """Disable what opens below a bot's scope; once, however often it is asked."""
    actor, reason = job("throttle"), f"the same order {repeats} times within a minute"
    with acting(actor, reason):
        made = Throttle(scope=scope, reason=reason, repeats=repeats)
        Throttle.objects.bulk_create([made], ignore_conflicts=True)
        if not Throttle.objects.filter(pk=made.pk).exists():
            return
        audit.record("throttle.tripped", made, scope_id=scope.pk, after={"repeats": repeats})
        alerts.raise_alert(
            tier=Tier.CRITICAL,
            code="BOT_THROTTLED",
            title=f"{scope} repeats itself and opens nothing until somebody enables it",
            scope=scope,
            target=made,
            dedup_key=f"throttle:{scope.pk}",
            actor=actor,
            reason=reason,
        )
        nudges.hint("fleet", "limits")


def enable(*, throttle: Throttle, actor: User, reason: str) -> Throttle:
    """A named person looked at the bot and lets it open again.

    Raises Forbidden PERSON_NEEDED, Invalid REASON_MISSING, Refused THROTTLE_NOT_STANDING.
    """
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person enables a bot that was throttled")
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say what you found; the audit keeps it")
    with acting(actor, reason):
        row = locks.row(Throttle.objects.select_related("scope"), throttle.pk)
        if row.enabled_at is not None:
            raise Refused("THROTTLE_NOT_STANDING", "the bot was enabled already")
        row.enabled_by, row.enabled_at = actor, wall_now()
        row.save(update_fields=["enabled_by", "enabled_at"])
        audit.record("throttle.enabled", row, scope_id=row.scope_id)
        alerts.clear(dedup_key=f"throttle:{row.scope_id}", actor=actor, reason=reason)
        nudges.hint("fleet", "limits")
    return row
