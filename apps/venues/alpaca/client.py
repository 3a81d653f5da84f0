"""alpaca-py's client as we use it: raw answers with exact numbers, one attempt, fenced, errors translated."""

from functools import partial
from typing import Any

import requests

from apps.bots.states import Mode
from apps.common.errors import DomainError
from apps.venues.adapters.base import NoAnswer, VenueRejected, VenueTimeout
from apps.venues.alpaca import translate
from apps.venues.endpoints import fence, host_of
from apps.venues.keys import VenueKeys
from apps.venues.wire import exact

TRADING = {Mode.PAPER: "https://paper-api.alpaca.markets", Mode.LIVE: "https://api.alpaca.markets"}
DATA = "https://data.alpaca.markets"


def _exactly(response: requests.Response, *_: Any, **__: Any) -> requests.Response:
    """Numbers of an answer as they are written: the library itself would read floats."""
    vars(response)["json"] = partial(response.json, parse_float=exact)
    return response


class AlpacaClient:
    """One account's calls; raises NoAnswer, VenueTimeout and VenueRejected, whose texts never hold a secret."""

    def __init__(self, keys: VenueKeys, timeout_s: float, local_url: str | None = None) -> None:
        from alpaca.trading.client import TradingClient

        self._keys = keys
        self._url, self._data_url = local_url or TRADING[Mode(keys.mode)], local_url or DATA
        is_paper = keys.mode == Mode.PAPER
        self._rest = TradingClient(keys.key, keys.secret, paper=is_paper, raw_data=True, url_override=self._url)
        # The library repeats what met 429 or 504; a submit may then be there twice, so each call goes out once.
        self._rest._retry = 0
        self._rest._session.hooks["response"].append(_exactly)
        fence(self._rest._session, frozenset({host_of(self._url), host_of(self._data_url)}), timeout_s, keys.redact)

    def get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        """The answer to a GET below the trading API."""
        return self._ask(lambda: self._rest.get(path, query))

    def data(self, path: str, query: dict[str, Any], version: str) -> Any:
        """The answer to a GET below the market data API."""
        return self._ask(lambda: self._rest.get(path, query, base_url=self._data_url, api_version=version))

    def post(self, path: str, body: dict[str, str]) -> Any:
        """The answer to a POST."""
        return self._ask(lambda: self._rest.post(path, body))

    def patch(self, path: str, body: dict[str, str]) -> Any:
        """The answer to a PATCH."""
        return self._ask(lambda: self._rest.patch(path, body))

    def delete(self, path: str) -> Any:
        """The answer to a DELETE."""
        return self._ask(lambda: self._rest.delete(path))

    def report(self, raw: Any) -> Any:
        """A part of an answer as it is kept."""
        return self._keys.cleaned(raw)

    def _ask(self, call: Any) -> Any:
        try:
            return call()
        except Exception as error:
            failure = self._translated(error)
        # Raised here, so that the library's error and its request with our keys do not ride along.
        raise failure

    def _translated(self, error: Exception) -> DomainError:
        from alpaca.common.exceptions import APIError

        if isinstance(error, NoAnswer | VenueRejected):
            return error
        if isinstance(error, APIError):
            return translate.failure(error.status_code, self._keys.redact(str(error)))
        if isinstance(error, requests.Timeout):
            return VenueTimeout("alpaca did not answer in time")
        return NoAnswer(f"alpaca gave no answer that we understand: {type(error).__name__}")
