"""The guard around every adapter: no venue call inside our transaction, and no stray exception out of it."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog
from django.db import connection

from apps.venues.adapters.base import (
    Adapter,
    Capabilities,
    NoAnswer,
    ReplaceRequest,
    SubmitRequest,
    VenueBalance,
    VenueOrder,
    VenuePosition,
    VenueQuote,
    VenueRejected,
    VenueTrade,
)

log = structlog.get_logger(__name__)
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class Guarded:
    """An adapter whose every call is checked before and translated after (design rules 3 and 4)."""

    def __init__(self, adapter: Adapter, venue: str) -> None:
        self._adapter = adapter
        self._venue = venue

    def _ask(self, call: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        if connection.in_atomic_block:
            raise RuntimeError("a venue was called inside a transaction: commit the intent first")
        try:
            return call(*args, **kwargs)
        except (NoAnswer, VenueRejected):
            raise
        except Exception as error:
            log.exception("venue.no_answer", venue=self._venue, error=type(error).__name__)
            raise NoAnswer(f"{self._venue} gave no answer that we understand") from error

    def submit(self, request: SubmitRequest) -> VenueOrder:
        """See Adapter."""
        return self._ask(self._adapter.submit, request)

    def cancel(self, client_order_id: str) -> VenueOrder:
        """See Adapter."""
        return self._ask(self._adapter.cancel, client_order_id)

    def replace(self, request: ReplaceRequest) -> VenueOrder:
        """See Adapter."""
        return self._ask(self._adapter.replace, request)

    def cancel_all(self, symbol: str | None = None) -> None:
        """See Adapter."""
        self._ask(self._adapter.cancel_all, symbol)

    def order_by_client_id(self, client_order_id: str) -> VenueOrder | None:
        """See Adapter."""
        return self._ask(self._adapter.order_by_client_id, client_order_id)

    def open_orders(self) -> list[VenueOrder]:
        """See Adapter."""
        return self._ask(self._adapter.open_orders)

    def orders_since(self, cursor: str, limit: int) -> list[VenueOrder]:
        """See Adapter."""
        return self._ask(self._adapter.orders_since, cursor, limit)

    def trades_since(self, cursor: int, limit: int) -> list[VenueTrade]:
        """See Adapter."""
        return self._ask(self._adapter.trades_since, cursor, limit)

    def positions(self) -> list[VenuePosition]:
        """See Adapter."""
        return self._ask(self._adapter.positions)

    def balances(self) -> list[VenueBalance]:
        """See Adapter."""
        return self._ask(self._adapter.balances)

    def quote(self, symbol: str) -> VenueQuote:
        """See Adapter."""
        return self._ask(self._adapter.quote, symbol)

    def ping(self) -> None:
        """See Adapter."""
        self._ask(self._adapter.ping)

    def capabilities(self) -> Capabilities:
        """See Adapter."""
        return self._adapter.capabilities()
