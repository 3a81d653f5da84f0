"""Which holds and limits are in force on a set of scopes, and whether its kill drills are in order."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, When

from apps.access.models import Scope
from apps.bots.states import Environment
from apps.common.clocks import wall_now
from apps.risk import rules
from apps.risk.models import Exposure, Hold, KillDrill, Limit, OrderRate
from apps.risk.states import DrillState, HoldSource, HoldState, TradingState


def holds_on(scope_ids: Iterable[UUID]) -> list[Hold]:
    """The active holds on exactly these scopes (pass a whole lineage), strictest first, then by precedence and age."""
    found = Hold.objects.filter(scope_id__in=list(scope_ids), state=HoldState.ACTIVE).select_related("scope")
    precedence = HoldSource.values.index
    return sorted(found, key=lambda hold: (-TradingState[hold.level], precedence(hold.source), hold.created_at))


def trading_state(scope_ids: Iterable[UUID]) -> tuple[TradingState, list[Hold]]:
    """The strictest state over all holds on all these scopes, with the holds that make it."""
    holds = holds_on(scope_ids)
    return max((TradingState[hold.level] for hold in holds), default=TradingState.ACTIVE), holds


def ledger_limits(lineage: Iterable[UUID]) -> dict[str, Decimal]:
    """The strictest limit of each kind in the risk ledger over a lineage of scopes."""
    rows = Limit.objects.filter(scope_id__in=list(lineage)).annotate(
        counts=Case(When(expires_at__lte=wall_now(), then=F("reverts_to")), default=F("value"))
    )
    return rules.strictest({kind: value} for kind, value in rows.values_list("kind", "counts"))


def effective_limits(lineage: Iterable[UUID], bundle: dict[str, str]) -> dict[str, Decimal]:
    """The stricter of ledger and bundle for each kind; a kind absent from the ledger stays missing."""
    ledger = ledger_limits(lineage)
    narrowed = {kind: Decimal(value) for kind, value in bundle.items() if kind in ledger}
    return rules.strictest([ledger, narrowed])


def is_flat(scope: Scope) -> bool:
    """Whether the bot of `scope` holds nothing and has nothing working, by our own record."""
    rows = Exposure.objects.filter(scope=scope)
    return not any(row.position or row.working_buy or row.working_sell for row in rows)


def drill_refusal(scope_ids: Iterable[UUID], environment: str) -> str | None:
    """Why nothing may be promoted on these scopes (pass whole lineages) as far as kill drills go, or None.

    DRILL_OVERDUE when a drill is past its `blocks_from` and no later one of its scope has passed; for live also
    DRILL_MISSING when none that passed is still valid.
    """
    now, drills = wall_now(), KillDrill.objects.filter(scope_id__in=list(scope_ids))
    made_up_for = KillDrill.objects.filter(
        scope=OuterRef("scope"), state=DrillState.PASSED, finished_at__gt=OuterRef("created_at")
    )
    overdue = drills.filter(blocks_from__lte=now).exclude(state=DrillState.PASSED).exclude(Exists(made_up_for))
    if overdue.exists():
        return "DRILL_OVERDUE"
    is_valid = drills.filter(state=DrillState.PASSED, valid_until__gt=now).exists()
    return "DRILL_MISSING" if environment == Environment.LIVE and not is_valid else None


def rates(scope: Scope) -> tuple[int, int]:
    """How many orders of a bot were counted in this wall minute and second, without a lock."""
    row = OrderRate.objects.filter(scope=scope).first()
    return (0, 0) if row is None else counted(row)


def counted(row: OrderRate) -> tuple[int, int]:
    """What a row says of this wall minute and second; windows ahead were counted before the clock was set back."""
    now = wall_now()
    is_second = row.second is not None and row.second >= now.replace(microsecond=0)
    return row.count if row.minute >= now.replace(second=0, microsecond=0) else 0, row.second_count if is_second else 0
