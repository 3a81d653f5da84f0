"""Which holds and limits are in force on a set of scopes."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from apps.access.models import Scope
from apps.risk import rules
from apps.risk.models import Exposure, Hold, Limit
from apps.risk.states import HoldState, TradingState


def holds_on(scope_ids: Iterable[UUID]) -> list[Hold]:
    """The active holds on exactly these scopes (pass a whole lineage), strictest first."""
    found = Hold.objects.filter(scope_id__in=list(scope_ids), state=HoldState.ACTIVE).select_related("scope")
    return sorted(found, key=lambda hold: (-TradingState[hold.level], hold.created_at))


def trading_state(scope_ids: Iterable[UUID]) -> tuple[TradingState, list[Hold]]:
    """The strictest state over all holds on all these scopes, with the holds that make it."""
    holds = holds_on(scope_ids)
    return max((TradingState[hold.level] for hold in holds), default=TradingState.ACTIVE), holds


def ledger_limits(lineage: Iterable[UUID]) -> dict[str, Decimal]:
    """The strictest limit of each kind in the risk ledger over a lineage of scopes."""
    rows = Limit.objects.filter(scope_id__in=list(lineage)).values_list("kind", "value")
    return rules.strictest({kind: value} for kind, value in rows)


def effective_limits(lineage: Iterable[UUID], bundle: dict[str, str]) -> dict[str, Decimal]:
    """The stricter of ledger and bundle for each kind; a kind absent from the ledger stays missing."""
    ledger = ledger_limits(lineage)
    narrowed = {kind: Decimal(value) for kind, value in bundle.items() if kind in ledger}
    return rules.strictest([ledger, narrowed])


def is_flat(scope: Scope) -> bool:
    """Whether the bot of `scope` holds nothing and has nothing working, by our own record."""
    rows = Exposure.objects.filter(scope=scope)
    return not any(row.position or row.working_buy or row.working_sell for row in rows)
