"""The guard around every adapter: budget and circuit before a call, one kind of error and a record after it.

No venue is called inside our transaction, nothing but the protocol's errors comes out, and what was said about
an order is kept (design rules 3, 4 and 9).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import structlog
from django.db import connection

from apps.common.clocks import wall_now
from apps.venues import breaker, budget, messages
from apps.venues.adapters.base import (
    Adapter,
    Capabilities,
    NoAnswer,
    ReplaceRequest,
    SubmitRequest,
    VenueBalance,
    VenueDown,
    VenueOrder,
    VenuePosition,
    VenueQuote,
    VenueRejected,
    VenueTrade,
)
from apps.venues.budget import Priority
from apps.venues.models import Account, VenueMessage

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")
# Refusals by which an adapter keeps a call from going out: they say nothing about the venue's health.
OURS = frozenset({"VENUE_CANNOT", "ORDER_MALFORMED", "ENDPOINT_FORBIDDEN", "PERMIT_LATE"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it is, what it says, and how much it matters.

    `passes_outage` calls go out while the venue does not answer. A call about an order is `kept` with its
    answer; of other calls only failures are: a trade's report is kept once, by whoever books it, and not with every
    poll that lists it. `may_wait` says that the record may be written with the next one.
    """

    name: str
    request: Any = None
    client_order_id: str = ""
    priority: Priority = Priority.POLL
    passes_outage: bool = False
    is_kept: bool = False
    may_wait: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """When a call went out, and what was heard of it on the wire."""

    sent_at: datetime
    started: float
    wire: list[Any]


class Guarded:
    """An account's adapter whose every call is checked before and recorded after."""

    def __init__(self, adapter: Adapter, account: Account) -> None:
        self._adapter = adapter
        self._account = account
        self._venue = account.venue

    def _ask(self, call: Call, ask: Callable[[], Answer]) -> Answer:
        if connection.in_atomic_block:
            raise RuntimeError("a venue was called inside a transaction: commit the intent first")
        self._admit(call)
        with messages.listening() as wire:
            return self._heard_out(call, ask, Exchange(wall_now(), time.perf_counter(), wire))

    def _heard_out(self, call: Call, ask: Callable[[], Answer], exchange: Exchange) -> Answer:
        try:
            answer = ask()
        except NoAnswer as error:
            self._failed(call, error, exchange)
            raise
        except VenueRejected as error:
            self._record(call, None, error.code, exchange)
            if error.code not in OURS:
                self._heard()
            raise
        except Exception as error:
            log.exception("venue.no_answer", venue=self._venue.name, error=type(error).__name__)
            failure = NoAnswer(f"{self._venue.name} gave no answer that we understand")
            self._failed(call, failure, exchange)
            raise failure from error
        if call.is_kept:
            self._record(call, answer, "", exchange)
        self._heard()
        return answer

    def _admit(self, call: Call) -> None:
        """Let a call out when the venue answers and the account may still call. Raises VenueDown, VenueBusy."""
        if not call.passes_outage and breaker.is_open(self._venue):
            is_probe = call.priority == Priority.POLL and breaker.may_probe(self._venue)
            if not is_probe:
                raise VenueDown(f"{self._venue.name} does not answer", retry_in_s=breaker.probe_in_s(self._venue))
        budget.spend(self._account.pk, self._adapter.capabilities().requests_per_minute, call.priority)

    def _failed(self, call: Call, error: NoAnswer, exchange: Exchange) -> None:
        self._record(call, None, error.code, exchange, is_late=True)
        _never_raising("breaker.unanswered", partial(breaker.unanswered, self._venue))

    def _heard(self) -> None:
        _never_raising("breaker.answered", partial(breaker.answered, self._venue))

    def _record(self, call: Call, answer: Any, error: str, exchange: Exchange, *, is_late: bool = False) -> None:
        said = messages.shown(answer)
        if exchange.wire:
            said = {"stated": said, "wire": messages.shown(exchange.wire)}
        message = VenueMessage(
            account_id=self._account.pk,
            client_order_id=call.client_order_id,
            call=call.name,
            request=messages.shown(call.request),
            answer=said,
            error=messages.redacted(error),
            sent_at=exchange.sent_at,
            took_ms=(time.perf_counter() - exchange.started) * 1000,
        )
        messages.note(message, may_wait=call.may_wait and not is_late)

    def _order_call(self, name: str, request: SubmitRequest | ReplaceRequest, *, may_wait: bool = False) -> Call:
        priority = budget.order_priority(self._account.pk)
        passes = priority == Priority.URGENT
        return Call(name, request, request.client_order_id, priority, passes, is_kept=True, may_wait=may_wait)

    def submit(self, request: SubmitRequest) -> VenueOrder:
        """See Adapter. Whoever submits what only reduces reserves the call as urgent; then no outage stops it."""
        call = self._order_call("submit", request, may_wait=True)
        return self._ask(call, partial(self._adapter.submit, request))

    def cancel(self, client_order_id: str) -> VenueOrder:
        """See Adapter."""
        return self._ask(_urgent("cancel", client_order_id), partial(self._adapter.cancel, client_order_id))

    def replace(self, request: ReplaceRequest) -> VenueOrder:
        """See Adapter."""
        call = self._order_call("replace", request)
        return self._ask(call, partial(self._adapter.replace, request))

    def cancel_all(self, symbol: str | None = None) -> None:
        """See Adapter."""
        call = Call("cancel_all", {"symbol": symbol}, "", Priority.URGENT, passes_outage=True, is_kept=True)
        self._ask(call, partial(self._adapter.cancel_all, symbol))

    def order_by_client_id(self, client_order_id: str) -> VenueOrder | None:
        """See Adapter."""
        call = _urgent("order_by_client_id", client_order_id)
        return self._ask(call, partial(self._adapter.order_by_client_id, client_order_id))

    def open_orders(self) -> list[VenueOrder]:
        """See Adapter."""
        return self._ask(Call("open_orders"), self._adapter.open_orders)

    def orders_since(self, cursor: str, limit: int) -> list[VenueOrder]:
        """See Adapter."""
        call = Call("orders_since", {"cursor": cursor, "limit": limit})
        return self._ask(call, partial(self._adapter.orders_since, cursor, limit))

    def trades_since(self, cursor: int, limit: int) -> list[VenueTrade]:
        """See Adapter."""
        call = Call("trades_since", {"cursor": cursor, "limit": limit})
        return self._ask(call, partial(self._adapter.trades_since, cursor, limit))

    def positions(self) -> list[VenuePosition]:
        """See Adapter. Exits are sized by it, so it comes before what opens."""
        call = Call("positions", priority=Priority.URGENT, passes_outage=True)
        return self._ask(call, self._adapter.positions)

    def balances(self) -> list[VenueBalance]:
        """See Adapter."""
        return self._ask(Call("balances"), self._adapter.balances)

    def quote(self, symbol: str) -> VenueQuote:
        """See Adapter."""
        return self._ask(Call("quote", {"symbol": symbol}), partial(self._adapter.quote, symbol))

    def ping(self) -> None:
        """See Adapter."""
        self._ask(Call("ping"), self._adapter.ping)

    def capabilities(self) -> Capabilities:
        """See Adapter."""
        return self._adapter.capabilities()


def _urgent(name: str, client_order_id: str) -> Call:
    """A cancel or a lookup of an order: never kept waiting by what opens, and tried during an outage."""
    request = {"client_order_id": client_order_id}
    return Call(name, request, client_order_id, Priority.URGENT, passes_outage=True, is_kept=True)


def _never_raising(what: str, act: Callable[[], None]) -> None:
    """The venue's answer is worth more than our notes on its health."""
    try:
        act()
    except Exception as error:
        log.exception("venue.health_lost", what=what, error=type(error).__name__)
