"""For a day without the platform: the export that the offline tool reads, and the import of its journal."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from quarterdeck.offline import cancel as tool
from quarterdeck.offline import journal

from apps.access import selectors as access
from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common import locks, nudges
from apps.common.clocks import wall_now
from apps.common.decimals import text_of
from apps.common.errors import Invalid, Refused
from apps.execution.models import AccountSync, Order, Position
from apps.execution.states import WORKING
from apps.venues.models import Account

FILE = "orders.json"
# Acts of a journal that concern one order; the others describe the journal itself.
ORDER_ACTS = frozenset({"cancel_sent", "cancel_failed", "ended", "unconfirmed", "kept"})


def export_orders(path: Path | None = None) -> Path:
    """Write what is open and held on every account, without secrets, for the offline tool; mode 0600.

    The file is replaced as a whole, so that whoever reads it while it is written sees the one before.
    """
    path = path or Path(settings.OFFLINE_EXPORT_ROOT) / FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        json.dump(_export(), file, indent=1)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    return path


def _export() -> dict[str, Any]:
    accounts = Account.objects.select_related("venue").order_by("name")
    return {
        "format": tool.FORMAT,
        "exported_at": wall_now().isoformat(),
        "accounts": [_account(account) for account in accounts],
    }


def _account(account: Account) -> dict[str, Any]:
    held = Position.objects.filter(account=account).exclude(quantity=0).select_related("instrument", "bot")
    working = Order.objects.filter(account=account, state__in=WORKING).select_related("instrument", "bot")
    # Venues that list by symbol are asked for every symbol that the account ever traded: an order may be missing here.
    traded = Position.objects.filter(account=account).values_list("instrument__symbol", flat=True)
    named = account.venue.settings.get("symbols") or {}
    return {
        "id": str(account.pk),
        "name": account.name,
        "environment": account.environment,
        "mode": account.mode,
        "currency": account.currency,
        "venue": account.venue.name,
        "adapter": account.venue.adapter,
        "settings": account.venue.settings,
        "desk_phone": str(account.venue.settings.get("desk_phone", "")),
        "symbols": sorted({*traded, *named, *(order.instrument.symbol for order in working)}),
        "orders": [_order(order) for order in working.order_by("id")],
        "positions": [
            {"bot": row.bot.name, "symbol": row.instrument.symbol, "quantity": text_of(row.quantity)} for row in held
        ],
    }


def _order(order: Order) -> dict[str, Any]:
    prices = {
        name: None if value is None else text_of(value)
        for name, value in (("limit_price", order.limit_price), ("stop_price", order.stop_price))
    }
    return {
        "client_order_id": order.client_order_id.hex,
        "venue_order_id": order.venue_order_id,
        "bot": order.bot.name,
        "symbol": order.instrument.symbol,
        "side": order.side,
        "order_type": order.order_type,
        "purpose": order.purpose,
        "state": order.state,
        "quantity": text_of(order.quantity),
        "filled_quantity": text_of(order.filled_quantity),
        **prices,
    }


def import_journal(*, text: str, actor: User | str, reason: str, is_whole: bool = True) -> dict[str, int]:
    """Take over the journal of the offline tool: an audit record for each act, and every account looked at anew.

    Nothing is believed of an order's state: the venue's word decides when the accounts are synchronised. The
    counts: acts recorded, acts known from an earlier import, orders named, acts about orders that we do not know.
    Importing twice changes nothing. Raises Refused JOURNAL_TAMPERED with nothing changed (also for a key that
    settings.OFFLINE_KEYS does not name, and without its end unless `is_whole=False`); Invalid REASON_MISSING.
    """
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say what happened; the audit keeps it")
    try:
        lines = journal.verified(text, settings.OFFLINE_KEYS, is_whole=is_whole)
        name = UUID(lines[0]["journal"])
    except ValueError as error:
        raise Refused("JOURNAL_TAMPERED", f"this journal is not what a trusted key signed: {error}") from error
    with acting(actor, reason):
        # Two imports of one journal come one after the other, so that the second sees what the first recorded.
        locks.exclusive([name])
        known = set(_recorded(lines))
        fresh = [line for line in lines if line["hash"] not in known]
        orders = _orders_of(lines)
        unknown = sum(_record(line, orders) for line in fresh)
        if fresh:
            _look_again({str(line["account"]) for line in lines if "account" in line})
    named = {order.pk for order in orders.values()}
    return {"recorded": len(fresh), "known": len(known), "orders": len(named), "unknown": unknown}


def _recorded(lines: Iterable[dict[str, Any]]) -> Iterable[str]:
    hashes = [line["hash"] for line in lines]
    return Record.objects.filter(act__startswith="offline.", after__hash__in=hashes).values_list(
        "after__hash", flat=True
    )


def _orders_of(lines: Iterable[dict[str, Any]]) -> dict[str, Order]:
    """Client order id -> our order, of all that the journal names."""
    ids = []
    for line in lines:
        try:
            ids.append(UUID(hex=str(line.get("client_order_id"))))
        except ValueError:
            continue
    found = Order.objects.filter(client_order_id__in=ids).select_related("bot", "account")
    return {order.client_order_id.hex: order for order in found}


def _record(line: dict[str, Any], orders: dict[str, Order]) -> bool:
    """Record one act on the order that it names, else on the firm; whether it named one that we do not know."""
    order = orders.get(str(line.get("client_order_id")))
    if order is not None and order.account.name != line.get("account"):
        order = None
    if order is not None:
        audit.record(f"offline.{line['act']}", order, scope_id=order.bot.scope_id, after=line)
    else:
        firm = access.firm()
        audit.record(f"offline.{line['act']}", firm, scope_id=firm.scope_id, after=line)
    return order is None and line["act"] in ORDER_ACTS


def _look_again(names: set[str]) -> None:
    """Make the accounts' next look at the venue due now, and that at every order whose state is in doubt."""
    accounts = Account.objects.filter(name__in=names)
    now = wall_now()
    AccountSync.objects.filter(account__in=accounts).update(due_at=now)
    Order.objects.filter(account__in=accounts, state__in=WORKING, due_at__isnull=False).update(due_at=now)
    nudges.wake("execution.sync_due_accounts")
    nudges.wake("execution.send_due_orders")
