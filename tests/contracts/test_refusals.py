"""What each venue's own words mean: a clear no, or nothing that we can rely on."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.common import clocks
from apps.venues.adapters.base import NoAnswer, VenueOrderState, VenueRejected
from tests.contracts.rigs import WireRig, make_order, running_wire
from tests.contracts.server import Answer, Fault

NO: list[tuple[str, int, Any, str]] = [
    ("alpaca", 403, {"code": 40310000, "message": "insufficient buying power"}, "40310000"),
    ("alpaca", 422, {"code": 42210000, "message": "qty must be > 0"}, "42210000"),
    ("ccxt-binance", 400, {"code": -1013, "msg": "Filter failure: MIN_NOTIONAL"}, "BAD_REQUEST"),
    ("ccxt-binance", 400, {"code": -1116, "msg": "Invalid orderType."}, "BAD_REQUEST"),
    ("ccxt-binance", 400, {"code": -2099, "msg": "a refusal that is new"}, "EXCHANGE_ERROR"),
    ("ccxt-kraken", 200, {"error": ["EOrder:Insufficient funds"]}, "INSUFFICIENT_FUNDS"),
    ("ccxt-kraken", 200, {"error": ["EOrder:Orders limit exceeded"]}, "EXCHANGE_ERROR"),
    ("ccxt-kraken", 200, {"error": ["EGeneral:Invalid arguments:volume"]}, "INVALID_ORDER"),
]
UNSURE: list[tuple[str, int, Any]] = [
    ("alpaca", 408, {"code": 40810000, "message": "timeout"}),
    ("alpaca", 422, {"message": "a refusal without a code"}),
    ("alpaca", 404, "<html>no such page</html>"),
    ("alpaca", 504, {"code": 50410000, "message": "gateway"}),
    ("ccxt-binance", 400, {"code": -1007, "msg": "Timeout waiting for response from backend server."}),
    ("ccxt-binance", 400, {"code": -1006, "msg": "Execution status unknown."}),
    ("ccxt-binance", 400, {"code": -1099, "msg": "something new about the server"}),
    ("ccxt-binance", 503, {"code": -2010, "msg": "Account has insufficient balance for requested action."}),
    ("ccxt-binance", 418, {"code": -1003, "msg": "Way too much request weight used; IP banned"}),
    ("ccxt-kraken", 200, {"error": ["EService:Unavailable"]}),
    ("ccxt-kraken", 200, {"error": ["EService:Deadline elapsed"]}),
    ("ccxt-kraken", 200, {"error": ["EGeneral:Internal error"]}),
    ("ccxt-kraken", 200, {"error": ["EOrder:Rate limit exceeded"]}),
    ("ccxt-kraken", 502, {"error": ["EOrder:Insufficient funds"]}),
]


@pytest.fixture
def venue(request: pytest.FixtureRequest, key_root: Path) -> Iterator[WireRig]:
    """The venue that the test's indirect parameter names."""
    with running_wire(request.param) as wire:
        yield wire


@pytest.mark.parametrize(("venue", "status", "body", "code"), NO, indirect=["venue"])
def test_a_clear_no_is_a_rejection_with_a_code(venue: WireRig, status: int, body: Any, code: str) -> None:
    venue.server.refuse("submit", Answer(body, status))

    with pytest.raises(VenueRejected) as rejection:
        venue.adapter.submit(make_order())

    assert rejection.value.code == code
    assert venue.server.acts["submit"] == 1


@pytest.mark.parametrize(("venue", "status", "body"), UNSURE, indirect=["venue"])
def test_what_is_no_clear_no_is_no_answer(venue: WireRig, status: int, body: Any) -> None:
    venue.server.refuse("submit", Answer(body, status))

    with pytest.raises(NoAnswer):
        venue.adapter.submit(make_order())

    assert venue.server.acts["submit"] == 1


@pytest.mark.parametrize(
    ("venue", "status", "body"),
    [
        ("alpaca", 404, {"message": "a proxy's page"}),
        ("alpaca", 404, {"code": 40499999, "message": "endpoint not found"}),
        ("ccxt-binance", 400, {"code": -1121, "msg": "Invalid symbol."}),
        ("ccxt-kraken", 200, {"error": ["EQuery:Unknown asset pair"]}),
    ],
    indirect=["venue"],
)
def test_only_the_venues_own_word_for_it_makes_an_order_unknown(venue: WireRig, status: int, body: Any) -> None:
    order = make_order()
    venue.adapter.submit(order)
    venue.server.refuse("lookup", Answer(body, status))

    with pytest.raises((NoAnswer, VenueRejected)):
        venue.adapter.order_by_client_id(order.client_order_id)


@pytest.mark.parametrize("venue", ["alpaca"], indirect=True)
def test_a_cancel_all_that_leaves_one_order_is_no_answer(venue: WireRig) -> None:
    venue.adapter.submit(make_order())
    venue.server.refuse("cancel_all", Answer([{"id": "one", "status": 200}, {"id": "two", "status": 500}], 207))

    with pytest.raises(NoAnswer):
        venue.adapter.cancel_all()


@pytest.mark.parametrize("venue", ["ccxt-binance", "ccxt-kraken"], indirect=True)
def test_an_old_list_of_markets_does_for_a_cancel_when_no_new_one_is_to_be_had(venue: WireRig) -> None:
    order = make_order()
    venue.adapter.submit(order)
    later = clocks.wall_now() + timedelta(hours=2)
    venue.fail("markets", Fault.ERROR_500)

    with clocks.clock(lambda: later):
        answer = venue.impatient().cancel(order.client_order_id)

    assert answer.state == VenueOrderState.CANCELED
    assert venue.server.acts["markets"] == 2


@pytest.mark.parametrize("venue", ["ccxt-kraken"], indirect=True)
def test_two_workers_of_one_account_never_use_the_same_nonce(venue: WireRig) -> None:
    clients = [adapter._client for adapter in (venue.adapter, venue.impatient())]  # type: ignore[attr-defined]

    nonces = [client.exchange.nonce() for _ in range(500) for client in clients]

    assert sorted(set(nonces)) == nonces
    venue.adapter.positions()
