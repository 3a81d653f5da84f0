"""The adapter of the paper venue: each call is one short transaction of the venue's own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import psycopg
from django.db import DatabaseError, connection, transaction

from apps.bots.states import Mode
from apps.common.errors import NotFound
from apps.venues.adapters.base import (
    Adapter,
    Capabilities,
    NoAnswer,
    ReplaceRequest,
    SubmitRequest,
    TradeKind,
    VenueBalance,
    VenueOrder,
    VenueOrderState,
    VenuePosition,
    VenueQuote,
    VenueRejected,
    VenueTimeout,
    VenueTrade,
)
from apps.venues.models import Account
from apps.venues.paper import corrections, faults, late, services
from apps.venues.paper.models import PaperAccount, PaperFault, PaperOrder, PaperPosition, PaperTrade
from apps.venues.paper.states import Call, FaultKind
from apps.venues.paper.wire import TIMED_OUT, Exchange

MODES = frozenset({Mode.PAPER})
TOO_LATE = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)
REQUESTS_PER_MINUTE = 60_000
CAPABILITIES = Capabilities(
    order_types=frozenset({"MARKET", "LIMIT", "STOP", "STOP_LIMIT"}),
    times_in_force=frozenset({"DAY", "GTC", "IOC", "FOK"}),
    has_reduce_only=True,
    has_post_only=True,
    has_replace=True,
    replaces_in_place=True,
    has_cancel_all=True,
    has_lookup=True,
    has_extended_hours=True,
    requests_per_minute=REQUESTS_PER_MINUTE,
)
FLAGS = (
    "has_reduce_only", "has_post_only", "has_replace", "replaces_in_place", "has_cancel_all", "has_lookup",
    "has_extended_hours",
)  # fmt: skip
# The bounds of every statement, and whether a fault may hit the call, in one round trip.
OPENING = "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true), " + faults.HAS_FAULTS
Answer = TypeVar("Answer")


def connect(account: Account, timeout_s: float) -> Adapter:
    """The account's way to the paper venue; `capabilities` in the venue's settings can take some away."""
    return PaperAdapter(account.name, timeout_s, account.venue.settings.get("capabilities", {}))


def narrowed(wanted: Mapping[str, Any]) -> Capabilities:
    """The venue's capabilities less what `wanted` does not have: flags, lists of types, a lower rate."""
    all_of = CAPABILITIES
    return replace(
        all_of,
        order_types=all_of.order_types.intersection(wanted.get("order_types", all_of.order_types)),
        times_in_force=all_of.times_in_force.intersection(wanted.get("times_in_force", all_of.times_in_force)),
        requests_per_minute=min(all_of.requests_per_minute, wanted.get("requests_per_minute", REQUESTS_PER_MINUTE)),
        **{name: bool(wanted.get(name, True)) for name in FLAGS},
    )


class PaperAdapter:
    """One account at the paper venue; every statement has `timeout_s` to answer."""

    def __init__(self, account_name: str, timeout_s: float, capabilities: Mapping[str, Any] | None = None) -> None:
        self._name = account_name
        self._timeout_ms = int(timeout_s * 1000)
        self._capabilities = narrowed(capabilities or {})

    @contextmanager
    def _counter(self) -> Iterator[bool]:
        """A transaction at the venue; whether a fault may be waiting for this account's calls."""
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(OPENING, [str(self._timeout_ms), str(self._timeout_ms), self._name])
                    has_faults = bool(cursor.fetchone()[2])
                yield has_faults
        except DatabaseError as error:
            if isinstance(error.__cause__, TOO_LATE):
                raise VenueTimeout(TIMED_OUT) from error
            raise NoAnswer("the paper venue did not answer") from error

    def _ask(
        self,
        call: Call,
        work: Callable[[PaperFault | None], Answer],
        request: late.Request | None = None,
    ) -> Answer:
        """Let the venue do `work`; no transaction is open while a fault holds the call up."""
        with self._counter() as has_faults:
            if not has_faults:
                return work(None)
        with self._counter():
            fault = faults.take(account_name=self._name, call=call)

        def run(hit: PaperFault | None) -> Answer:
            with self._counter():
                return work(hit)

        def hold(delay_ms: int) -> None:
            if request is not None:
                with self._counter():
                    late.hold(account_name=self._name, call=call, request=request, delay_ms=delay_ms)

        return run(None) if fault is None else Exchange(call, self._timeout_ms, run, hold).suffer(fault)

    def _account(self) -> PaperAccount:
        account = PaperAccount.objects.filter(name=self._name).first()
        if account is None:
            raise VenueRejected("ACCOUNT_UNKNOWN", "the venue has no such account")
        return account

    def _need(self, has_it: bool, what: str) -> None:
        if not has_it:
            raise VenueRejected("NOT_SUPPORTED", f"this venue has no {what}")

    def _check_takes(self, request: SubmitRequest) -> None:
        """The venue's no to what was taken from its capabilities; what it never had, its books refuse."""
        can = self._capabilities
        self._need(request.order_type not in CAPABILITIES.order_types - can.order_types, "such type")
        self._need(request.time_in_force not in CAPABILITIES.times_in_force - can.times_in_force, "such time in force")
        self._need(can.has_reduce_only or not request.is_reduce_only, "reduce-only")
        self._need(can.has_post_only or not request.is_post_only, "post-only")
        self._need(can.has_extended_hours or not request.is_extended_hours, "extended hours")

    def submit(self, request: SubmitRequest) -> VenueOrder:
        """See Adapter."""
        self._check_takes(request)

        def work(fault: PaperFault | None) -> VenueOrder:
            code = fault.code if fault and fault.kind == FaultKind.REJECT else ""
            return _order(services.submit(account_name=self._name, request=request, refuse_with=code))

        order = self._ask(Call.SUBMIT, work, request)
        # Raised after the commit, so that the venue remembers what it rejected.
        if order.state == VenueOrderState.REJECTED:
            raise VenueRejected(order.reject_code)
        return order

    def cancel(self, client_order_id: str) -> VenueOrder:
        """See Adapter."""

        def work(fault: PaperFault | None) -> VenueOrder:
            fills = fault is not None and fault.kind == FaultKind.FILL_AFTER_CANCEL
            act = corrections.cancel_then_fill if fills else services.cancel
            return _order(act(account_name=self._name, client_order_id=client_order_id))

        return self._ask(Call.CANCEL, work, client_order_id)

    def replace(self, request: ReplaceRequest) -> VenueOrder:
        """See Adapter."""
        self._need(self._capabilities.has_replace, "replace")

        def work(_: PaperFault | None) -> VenueOrder:
            return _order(services.replace(account_name=self._name, request=request))

        return self._ask(Call.REPLACE, work, request)

    def cancel_all(self, symbol: str | None = None) -> None:
        """See Adapter."""
        self._need(self._capabilities.has_cancel_all, "cancel-all")
        self._ask(Call.CANCEL_ALL, lambda _: services.cancel_all(account_name=self._name, symbol=symbol))

    def order_by_client_id(self, client_order_id: str) -> VenueOrder | None:
        """See Adapter."""
        self._need(self._capabilities.has_lookup, "lookup by client order id")

        def work(_: PaperFault | None) -> VenueOrder | None:
            order = PaperOrder.objects.filter(account=self._account(), client_order_id=client_order_id).first()
            return None if order is None else _order(order)

        return self._ask(Call.LOOKUP, work)

    def open_orders(self) -> list[VenueOrder]:
        """See Adapter."""

        def work(_: PaperFault | None) -> list[VenueOrder]:
            orders = PaperOrder.objects.filter(account=self._account(), state=VenueOrderState.OPEN)
            return [_order(order) for order in orders.order_by("id")]

        return self._ask(Call.OPEN_ORDERS, work)

    def orders_since(self, cursor: str, limit: int) -> list[VenueOrder]:
        """See Adapter."""

        def work(_: PaperFault | None) -> list[VenueOrder]:
            orders = PaperOrder.objects.filter(account=self._account())
            if cursor:
                orders = orders.filter(id__gt=cursor)
            return [_order(order) for order in orders.order_by("id")[:limit]]

        return self._ask(Call.ORDERS, work)[:limit]

    def trades_since(self, cursor: int, limit: int) -> list[VenueTrade]:
        """See Adapter."""

        def work(fault: PaperFault | None) -> list[VenueTrade]:
            account = self._account()
            if fault and fault.kind == FaultKind.BUST:
                self._bust_last()
            trades = PaperTrade.objects.filter(account=account, sequence__gt=cursor).select_related("order")
            return [_trade(trade, account.currency) for trade in trades.order_by("sequence")[:limit]]

        return self._ask(Call.TRADES, work)[:limit]

    def _bust_last(self) -> None:
        try:
            corrections.bust(account_name=self._name)
        except NotFound:
            return  # there is nothing to undo

    def positions(self) -> list[VenuePosition]:
        """See Adapter."""

        def work(_: PaperFault | None) -> list[VenuePosition]:
            held = PaperPosition.objects.filter(account=self._account()).exclude(quantity=0)
            return [VenuePosition(p.symbol, p.quantity, p.average_price) for p in held.order_by("symbol")]

        return self._ask(Call.POSITIONS, work)

    def balances(self) -> list[VenueBalance]:
        """See Adapter."""

        def work(_: PaperFault | None) -> list[VenueBalance]:
            account = self._account()
            return [VenueBalance(account.currency, account.cash)]

        return self._ask(Call.BALANCES, work)

    def quote(self, symbol: str) -> VenueQuote:
        """See Adapter."""
        return self._ask(Call.QUOTE, lambda _: services.quote(symbol=symbol))

    def ping(self) -> None:
        """See Adapter."""
        self._ask(Call.PING, lambda _: self._account())

    def capabilities(self) -> Capabilities:
        """See Adapter."""
        return self._capabilities


def _order(order: PaperOrder) -> VenueOrder:
    return VenueOrder(
        client_order_id=order.client_order_id,
        venue_order_id=str(order.pk),
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        average_price=order.average_price,
        state=VenueOrderState(order.state),
        reject_code=order.reject_code,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
    )


def _trade(trade: PaperTrade, currency: str) -> VenueTrade:
    return VenueTrade(
        trade_id=trade.trade_id,
        sequence=trade.sequence,
        client_order_id=trade.order.client_order_id,
        venue_order_id=str(trade.order_id),
        symbol=trade.symbol,
        side=trade.side,
        quantity=trade.quantity,
        price=trade.price,
        fee=trade.fee,
        fee_currency=currency,
        market_ms=trade.market_ms,
        kind=TradeKind(trade.kind),
        refers_to=trade.refers_to,
    )
