"""Facts of the venue's that no order of ours explains: kept once, due until reconciliation makes them breaks."""

from typing import Any

from apps.common import nudges
from apps.common.clocks import wall_now
from apps.common.decimals import text_of
from apps.execution.models import Anomaly, Order
from apps.execution.states import AnomalyKind
from apps.venues.adapters.base import VenueTrade
from apps.venues.models import Account


def note(*, account: Account, order: Order | None, kind: AnomalyKind, trade: VenueTrade) -> bool:
    """Keep both sides of the fact; whether it is new. The same trade again changes nothing.

    The caller holds the transaction.
    """
    fact = {
        "order": order,
        "ours": None if order is None else _ours(order),
        "theirs": _theirs(trade),
        "due_at": wall_now(),
    }
    _, is_new = Anomaly.objects.get_or_create(account=account, kind=kind, key=trade.trade_id, defaults=fact)
    nudges.wake("reconciliation.run_due")
    return is_new


def _ours(order: Order) -> dict[str, Any]:
    """The order as it stood before the fact."""
    return {
        "client_order_id": order.client_order_id.hex,
        "state": order.state,
        "quantity": text_of(order.quantity),
        "filled_quantity": text_of(order.filled_quantity),
    }


def _theirs(trade: VenueTrade) -> dict[str, Any]:
    return {
        "kind": trade.kind.value,
        "client_order_id": trade.client_order_id,
        "symbol": trade.symbol,
        "side": trade.side,
        "quantity": text_of(trade.quantity),
        "price": text_of(trade.price),
        "fee": text_of(trade.fee),
        "refers_to": trade.refers_to,
    }
