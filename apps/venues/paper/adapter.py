"""The adapter of the paper venue: each call is one short transaction of the venue's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError, connection, transaction

from apps.bots.states import Mode
from apps.venues.adapters.base import (
    Adapter,
    Capabilities,
    NoAnswer,
    SubmitRequest,
    VenueBalance,
    VenueOrder,
    VenueOrderState,
    VenuePosition,
    VenueRejected,
    VenueTimeout,
    VenueTrade,
)
from apps.venues.models import Account
from apps.venues.paper import services
from apps.venues.paper.models import PaperAccount, PaperOrder, PaperPosition, PaperTrade

MODES = frozenset({Mode.PAPER})
TOO_LATE = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)
CAPABILITIES = Capabilities(
    order_types=frozenset({"MARKET", "LIMIT", "STOP", "STOP_LIMIT"}),
    times_in_force=frozenset({"DAY", "GTC", "IOC", "FOK"}),
    has_reduce_only=True,
)


def connect(account: Account, timeout_s: float) -> Adapter:
    """The account's way to the paper venue."""
    return PaperAdapter(account.name, timeout_s)


class PaperAdapter:
    """One account at the paper venue; every statement has `timeout_s` to answer."""

    def __init__(self, account_name: str, timeout_s: float) -> None:
        self._name = account_name
        self._timeout_ms = int(timeout_s * 1000)

    @contextmanager
    def _call(self) -> Iterator[None]:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    limit = [str(self._timeout_ms)]
                    cursor.execute("SELECT set_config('statement_timeout', %s, true)", limit)
                    cursor.execute("SELECT set_config('lock_timeout', %s, true)", limit)
                yield
        except DatabaseError as error:
            if isinstance(error.__cause__, TOO_LATE):
                raise VenueTimeout("the paper venue did not answer in time") from error
            raise NoAnswer("the paper venue did not answer") from error

    def _account(self) -> PaperAccount:
        account = PaperAccount.objects.filter(name=self._name).first()
        if account is None:
            raise VenueRejected("ACCOUNT_UNKNOWN", "the venue has no such account")
        return account

    def submit(self, request: SubmitRequest) -> VenueOrder:
        """See Adapter."""
        with self._call():
            order = services.submit(account_name=self._name, request=request)
        # Raised after the commit, so that the venue remembers what it rejected.
        if order.state == VenueOrderState.REJECTED:
            raise VenueRejected(order.reject_code)
        return _order(order)

    def cancel(self, client_order_id: str) -> VenueOrder:
        """See Adapter."""
        with self._call():
            return _order(services.cancel(account_name=self._name, client_order_id=client_order_id))

    def order_by_client_id(self, client_order_id: str) -> VenueOrder | None:
        """See Adapter."""
        with self._call():
            order = PaperOrder.objects.filter(account=self._account(), client_order_id=client_order_id).first()
            return None if order is None else _order(order)

    def open_orders(self) -> list[VenueOrder]:
        """See Adapter."""
        with self._call():
            orders = PaperOrder.objects.filter(account=self._account(), state=VenueOrderState.OPEN)
            return [_order(order) for order in orders.order_by("id")]

    def orders_since(self, cursor: str, limit: int) -> list[VenueOrder]:
        """See Adapter."""
        with self._call():
            orders = PaperOrder.objects.filter(account=self._account())
            if cursor:
                orders = orders.filter(id__gt=cursor)
            return [_order(order) for order in orders.order_by("id")[:limit]]

    def trades_since(self, cursor: int, limit: int) -> list[VenueTrade]:
        """See Adapter."""
        with self._call():
            account = self._account()
            trades = PaperTrade.objects.filter(account=account, sequence__gt=cursor).select_related("order")
            return [_trade(trade, account.currency) for trade in trades.order_by("sequence")[:limit]]

    def positions(self) -> list[VenuePosition]:
        """See Adapter."""
        with self._call():
            held = PaperPosition.objects.filter(account=self._account()).exclude(quantity=0)
            return [VenuePosition(p.symbol, p.quantity, p.average_price) for p in held.order_by("symbol")]

    def balances(self) -> list[VenueBalance]:
        """See Adapter."""
        with self._call():
            account = self._account()
            return [VenueBalance(account.currency, account.cash)]

    def ping(self) -> None:
        """See Adapter."""
        with self._call():
            self._account()

    def capabilities(self) -> Capabilities:
        """See Adapter."""
        return CAPABILITIES


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
    )
