"""Where accounts may call: a live endpoint is out of reach of a paper account, by its URL, its keys and its session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_django import Settings

from apps.common.errors import Refused
from apps.venues.adapters.base import Adapter, VenueRejected
from apps.venues.alpaca import adapter as alpaca
from apps.venues.ccxt import adapter as ccxt
from apps.venues.endpoints import fence
from apps.venues.keys import keys_for
from apps.venues.models import Account, Venue
from tests.contracts.conftest import write_keys
from tests.contracts.rigs import WireRig
from tests.contracts.server import KEY

SYMBOLS = {"BTC-USD": "BTC/USDT"}
BINANCE = {"exchange": "binance", "symbols": SYMBOLS}
CONNECT = {"alpaca": (alpaca.connect, {}), "binance": (ccxt.connect, BINANCE)}
LIVE_HOSTS = ("https://api.alpaca.markets/v2/orders", "https://api.binance.com/api/v3/order", "https://api.kraken.com/")


def make_account(mode: str = "paper", venue_mode: str | None = None, **venue_settings: Any) -> Account:
    """An account that is nowhere stored."""
    venue = Venue(name="there", mode=venue_mode or mode, settings=venue_settings)
    return Account(name="alpha-wire", mode=mode, currency="USD", venue=venue)


def sessions_of(adapter: Any) -> requests.Session:
    """The session through which everything of an adapter goes."""
    client = adapter._client
    return client._rest._session if hasattr(client, "_rest") else client.exchange.session


@pytest.mark.parametrize("name", CONNECT)
@pytest.mark.parametrize("url", LIVE_HOSTS)
def test_a_paper_account_cannot_reach_a_live_host_with_its_own_session(key_root: Path, name: str, url: str) -> None:
    connect, chosen = CONNECT[name]
    session = sessions_of(connect(make_account(**chosen), 1.0))

    with pytest.raises(VenueRejected) as refusal:
        session.post(url, json={})

    assert refusal.value.code == "ENDPOINT_FORBIDDEN"


def test_the_rigs_sessions_reach_nothing_but_the_stand_in(wire: WireRig) -> None:
    for url in (*LIVE_HOSTS, "https://paper-api.alpaca.markets/v2/clock", "https://example.com/"):
        with pytest.raises(VenueRejected):
            sessions_of(wire.adapter).get(url)


@pytest.mark.parametrize("name", CONNECT)
def test_a_live_account_cannot_reach_the_practice_hosts(key_root: Path, name: str) -> None:
    (key_root / "alpha-wire.json").write_text('{"mode": "live", "key": "k", "secret": "s"}')
    connect, chosen = CONNECT[name]
    session = sessions_of(connect(make_account("live", **chosen), 1.0))

    for url in ("https://paper-api.alpaca.markets/v2/clock", "https://testnet.binance.vision/api/v3/time"):
        with pytest.raises(VenueRejected):
            session.get(url)


@pytest.mark.parametrize("url", ["https://api.alpaca.markets", "http://127.0.0.1.example.com", "http://10.0.0.1", 7])
@pytest.mark.parametrize("name", CONNECT)
def test_settings_cannot_point_a_paper_account_anywhere_but_here(key_root: Path, name: str, url: object) -> None:
    connect, chosen = CONNECT[name]

    with pytest.raises(Refused) as refusal:
        connect(make_account(**chosen, url=url), 1.0)

    assert refusal.value.code == "ENDPOINT_FORBIDDEN"


@pytest.mark.parametrize(("mode", "is_demo_allowed"), [("live", True), ("paper", False)])
def test_a_stand_in_is_for_paper_accounts_in_development_only(
    key_root: Path, settings: Settings, mode: str, is_demo_allowed: bool
) -> None:
    settings.DEMO_ALLOWED = is_demo_allowed

    with pytest.raises(Refused) as refusal:
        alpaca.connect(make_account(mode, url="http://127.0.0.1:1"), 1.0)

    assert refusal.value.code == "ENDPOINT_FORBIDDEN"


@pytest.mark.parametrize(
    ("account_mode", "venue_mode", "key_mode"),
    [("paper", "paper", "live"), ("live", "live", "paper"), ("paper", "live", "paper"), ("paper", "live", "live")],
)
@pytest.mark.parametrize("name", CONNECT)
def test_keys_account_and_venue_must_be_of_one_mode(
    key_root: Path, name: str, account_mode: str, venue_mode: str, key_mode: str
) -> None:
    (key_root / "alpha-wire.json").write_text(f'{{"mode": "{key_mode}", "key": "k", "secret": "s"}}')
    connect, chosen = CONNECT[name]

    with pytest.raises(Refused) as refusal:
        connect(make_account(account_mode, venue_mode, **chosen), 1.0)

    assert refusal.value.code == "MODE_MISMATCH"


@pytest.mark.parametrize("exchange", ["kraken", "okx"])
def test_an_exchange_without_a_host_for_practice_takes_no_paper_account(key_root: Path, exchange: str) -> None:
    with pytest.raises(Refused) as refusal:
        ccxt.connect(make_account(exchange=exchange, symbols=SYMBOLS), 1.0)

    assert refusal.value.code == "PAPER_UNSUPPORTED"


@pytest.mark.parametrize("exchange", ["nowhere", "", "base.exchange", "__init__"])
def test_an_exchange_that_the_library_does_not_know_is_refused(key_root: Path, exchange: str) -> None:
    with pytest.raises(Refused) as refusal:
        ccxt.connect(make_account(exchange=exchange, symbols=SYMBOLS), 1.0)

    assert refusal.value.code == "EXCHANGE_UNKNOWN"


@pytest.mark.parametrize(
    "symbols",
    [
        None,
        {},
        {"BTC-USD": "BTCUSD"},
        {"BTC-USD": "BTC/USD", "BTC-EUR": "BTC/EUR"},
        {"BTC-USD": "BTC/USD", "ETH-BTC": "ETH/BTC"},
    ],
)
def test_symbols_that_would_make_a_currency_two_things_are_refused(key_root: Path, symbols: object) -> None:
    with pytest.raises(Refused) as refusal:
        ccxt.connect(make_account(exchange="binance", symbols=symbols), 1.0)

    assert refusal.value.code == "VENUE_SYMBOLS"


def test_nothing_leaves_unencrypted_for_another_machine() -> None:
    session = requests.Session()
    fence(session, frozenset({"api.alpaca.markets"}), 1.0)

    with pytest.raises(VenueRejected):
        session.get("http://api.alpaca.markets/v2/clock")


def test_a_session_takes_no_proxy_and_no_password_from_the_environment(wire: WireRig) -> None:
    assert sessions_of(wire.adapter).trust_env is False


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_keys_that_others_can_read_are_refused(key_root: Path, mode: int) -> None:
    write_keys(key_root, mode=mode)

    with pytest.raises(Refused) as refusal:
        keys_for(make_account())

    assert refusal.value.code == "KEYS_EXPOSED"


def test_a_link_to_keys_is_not_followed(key_root: Path, tmp_path: Path) -> None:
    write_keys(tmp_path, "elsewhere")
    (key_root / "alpha-wire.json").unlink()
    (key_root / "alpha-wire.json").symlink_to(tmp_path / "elsewhere.json")

    with pytest.raises(Refused) as refusal:
        keys_for(make_account())

    assert refusal.value.code == "KEYS_MISSING"


@pytest.mark.parametrize("name", ["nobody", "../alpha-wire", "", "a/b"])
def test_an_account_without_keys_has_no_way_to_its_venue(key_root: Path, name: str) -> None:
    account = make_account()
    account.name = name

    with pytest.raises(Refused) as refusal:
        keys_for(account)

    assert refusal.value.code == "KEYS_MISSING"


@pytest.mark.parametrize(
    "content", ["", "not json", "[]", '{"mode": "paper"}', '{"mode": "paper", "key": 1, "secret": 2}']
)
def test_a_malformed_key_file_is_refused_without_quoting_it(key_root: Path, content: str) -> None:
    (key_root / "alpha-wire.json").write_text(content + KEY)

    with pytest.raises(Refused) as refusal:
        keys_for(make_account())

    assert refusal.value.code == "KEYS_MALFORMED"
    assert KEY not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_a_connected_adapter_asks_nobody_for_its_capabilities(wire: WireRig) -> None:
    connect: Callable[[Account, float], Adapter] = alpaca.connect if wire.reject_code == "40310000" else ccxt.connect
    before = sum(wire.server.acts.values())

    assert connect(wire.account, 1.0).capabilities() == wire.adapter.capabilities()

    assert sum(wire.server.acts.values()) == before
