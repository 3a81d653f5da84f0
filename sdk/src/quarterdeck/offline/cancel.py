"""Cancelling from the last export, with the platform down.

What the venue lists as open is the truth about what there is to cancel; the export says what each order is for.
Protective orders are kept unless all is asked for, and so is what the export does not know: it may be one.
"""

import json
import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quarterdeck.offline.venues import Caller, CannotCallError, OpenOrder, caller_for

FORMAT = 1
LOOKS = 10
PAUSE_S = 0.5
Write = Callable[..., None]


@dataclass(slots=True)
class Outcome:
    """What became of the orders of all accounts; each entry names account, ids, symbol and purpose."""

    cancelled: list[dict[str, Any]] = field(default_factory=list)
    unconfirmed: list[dict[str, Any]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)
    planned: list[dict[str, Any]] = field(default_factory=list)


def read_export(path: Path) -> dict[str, Any]:
    """The export. Raises ValueError when it is none that we understand."""
    export: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if export.get("format") != FORMAT:
        raise ValueError(f"{path} is no export of format {FORMAT}")
    return export


def read_keys(path: Path) -> dict[str, dict[str, str]]:
    """Account name -> keys. Raises ValueError when others than the owner may read the file."""
    if stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        raise ValueError(f"{path} holds keys: only its owner may read it (chmod 600)")
    keys: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    return keys


def cancel_all(
    export: Mapping[str, Any],
    keys: Mapping[str, Mapping[str, str]],
    write: Write,
    *,
    takes_all: bool = False,
    is_dry: bool = False,
    pause: Callable[[], object] = lambda: time.sleep(PAUSE_S),
) -> Outcome:
    """Cancel on every account of the export; each cancel is written down before it is sent.

    An account that cannot be called keeps no other waiting: its orders are listed as unconfirmed with the
    telephone number of the venue's desk.
    """
    outcome = Outcome()
    for account in export["accounts"]:
        try:
            caller = caller_for(account, keys.get(account["name"], {}))
        except (CannotCallError, ImportError) as error:
            _give_up(account, str(error), outcome, write, takes_all=takes_all)
            continue
        _Account(account, caller, outcome, write, pause).cancel(takes_all=takes_all, is_dry=is_dry)
    return outcome


def _give_up(account: Mapping[str, Any], why: str, outcome: Outcome, write: Write, *, takes_all: bool) -> None:
    for order in account["orders"]:
        if takes_all or order["purpose"] == "OPENING":
            entry = _entry(account, order) | {"why": why, "desk_phone": account["desk_phone"]}
            write("unconfirmed", **entry)
            outcome.unconfirmed.append(entry)


def _entry(account: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    names = ("client_order_id", "venue_order_id", "symbol", "purpose")
    return {"account": account["name"], **{name: order.get(name, "") for name in names}}


class _Account:
    """The work on one account."""

    def __init__(
        self,
        account: Mapping[str, Any],
        caller: Caller,
        outcome: Outcome,
        write: Write,
        pause: Callable[[], object],
    ) -> None:
        self._account, self._caller, self._outcome = account, caller, outcome
        self._write, self._pause = write, pause

    def cancel(self, *, takes_all: bool, is_dry: bool) -> None:
        """Choose, cancel, and look until the venue says that each is gone."""
        chosen = []
        for order, entry in self._found():
            if takes_all or entry["purpose"] == "OPENING":
                chosen.append((order, entry))
            else:
                self._outcome.kept.append(entry)
                self._write("kept", **entry)
        if is_dry:
            self._outcome.planned.extend(entry for _, entry in chosen)
            return
        for order, entry in chosen:
            self._send(order, entry)
        self._confirm(chosen)

    def _found(self) -> list[tuple[OpenOrder, dict[str, Any]]]:
        """The venue's open orders with what the export knows of them; the export's own when it does not list."""
        known = {order["client_order_id"]: order for order in self._account["orders"]}
        by_venue = {order["venue_order_id"]: order for order in self._account["orders"] if order["venue_order_id"]}
        symbols = sorted({order["symbol"] for order in self._account["orders"]} | set(self._account["symbols"]))
        try:
            listed = self._caller.open_orders(symbols)
        except Exception as error:  # whatever a library raises: no list is not an empty list
            self._write("list_failed", account=self._account["name"], why=_told(error))
            listed = [
                OpenOrder(order["client_order_id"], order["venue_order_id"], order["symbol"])
                for order in self._account["orders"]
            ]
        found = []
        for order in listed:
            ours = known.get(order.client_order_id) or by_venue.get(order.venue_order_id)
            entry = _entry(self._account, ours or {"symbol": order.symbol, "purpose": "UNKNOWN"})
            named = {"client_order_id": order.client_order_id, "venue_order_id": order.venue_order_id}
            found.append((order, entry | {name: value for name, value in named.items() if value}))
        return found

    def _send(self, order: OpenOrder, entry: dict[str, Any]) -> None:
        self._write("cancel_sent", **entry)
        try:
            self._caller.cancel(order)
        except Exception as error:  # the look afterwards says what became of it
            self._write("cancel_failed", **entry, why=_told(error))

    def _confirm(self, chosen: list[tuple[OpenOrder, dict[str, Any]]]) -> None:
        waiting = list(chosen)
        for look in range(LOOKS):
            waiting = [pair for pair in waiting if not self._is_gone(*pair)]
            if not waiting:
                return
            if look < LOOKS - 1:
                self._pause()
        for _, entry in waiting:
            told = entry | {"why": "the venue has not confirmed it", "desk_phone": self._account["desk_phone"]}
            self._write("unconfirmed", **told)
            self._outcome.unconfirmed.append(told)

    def _is_gone(self, order: OpenOrder, entry: dict[str, Any]) -> bool:
        try:
            is_gone = self._caller.is_gone(order)
        except Exception:  # no answer is not an answer: it is asked again, and listed in the end
            return False
        if is_gone:
            self._write("ended", **entry)
            self._outcome.cancelled.append(entry)
        return is_gone


def _told(error: Exception) -> str:
    """The error's kind only: a library's text may hold a signed address."""
    return type(error).__name__
