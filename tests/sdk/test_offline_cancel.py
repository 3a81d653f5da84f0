"""The offline tool against venues over HTTP: with the platform down, opening orders go and guards stay."""

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest
from quarterdeck.cli import main
from quarterdeck.offline import cancel, journal
from quarterdeck.sign import SigningKey

from tests.contracts.alpaca_server import AlpacaServer
from tests.contracts.binance_server import BinanceServer
from tests.contracts.book import BookOrder
from tests.contracts.kraken_server import KrakenServer
from tests.contracts.server import KEY, SECRET, Fault, VenueServer

SERVERS = {"alpaca": AlpacaServer, "binance": BinanceServer, "kraken": KrakenServer}
SYMBOLS = {"alpaca": "BTC/USD", "binance": "BTC/USDT", "kraken": "BTC/USD"}
THEIRS = {"alpaca": "BTC/USD", "binance": "BTCUSDT", "kraken": "XBTUSD"}


class Desk:
    """One account at a stand-in, with files as the platform left them."""

    def __init__(self, name: str, server: VenueServer, folder: Path) -> None:
        self.name, self.server, self.folder = name, server, folder
        self.key = SigningKey.generate()
        self.orders: list[dict[str, Any]] = []
        (folder / "sign.pem").write_bytes(self.key.to_pem())

    def rest(self, number: int, purpose: str, *, is_known: bool = True) -> BookOrder:
        """An order that works at the venue; the export may be from before it."""
        client_id = f"{number:032x}"
        order = self.server.book.place(
            client_id=client_id,
            symbol=THEIRS[self.name],
            side="BUY",
            kind="limit" if self.name != "binance" else "LIMIT",
            tif="gtc" if self.name == "alpaca" else "GTC",
            quantity=Decimal(1),
            limit=Decimal(90),
            stop=None,
        )
        if is_known:
            self.orders.append(
                {"client_order_id": client_id, "venue_order_id": "", "symbol": "BTC-USD", "purpose": purpose}
            )
        return order

    @property
    def trusted(self) -> list[str]:
        """The public key as the platform's settings name it."""
        return [base64.b64encode(self.key.public_bytes).decode()]

    def run(self, *options: str, mode: str = "paper") -> int:
        """The command, on the files of this account."""
        settings = {"url": self.server.url, "symbols": {"BTC-USD": SYMBOLS[self.name]}}
        account = {
            "name": "alpha", "mode": mode, "venue": self.name, "adapter": "ccxt", "desk_phone": "+1 555 0100",
            "settings": settings | {"exchange": self.name}, "symbols": ["BTC-USD"], "orders": self.orders,
        }  # fmt: skip
        if self.name == "alpaca":
            account |= {"adapter": "alpaca"}
        export = {"format": 1, "exported_at": "2026-03-02T09:00:00+00:00", "accounts": [account]}
        (self.folder / "orders.json").write_text(json.dumps(export))
        keys = self.folder / "keys.json"
        keys.write_text(json.dumps({"alpha": {"mode": "paper", "key": KEY, "secret": SECRET}}))
        keys.chmod(0o600)
        files = {"--export": "orders.json", "--keys": "keys.json", "--journal": "journal", "--sign-with": "sign.pem"}
        named = [part for name, file in files.items() for part in (name, str(self.folder / file))]
        return main(["--json", "offline", "cancel", *named, *options])

    def acts(self) -> list[str]:
        """What the journal says, verified."""
        lines = journal.verified((self.folder / "journal").read_text(), self.trusted)
        return [line["act"] for line in lines]


@pytest.fixture(params=SERVERS)
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """An account at each stand-in; ccxt does not pace its calls here."""
    monkeypatch.setattr(cancel, "PAUSE_S", 0.01)
    monkeypatch.setattr(ccxt.Exchange, "throttle", lambda self, cost=None: None)
    server = SERVERS[request.param]()
    with server.running():
        yield Desk(request.param, server, tmp_path)


@pytest.fixture
def alpaca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """An account at Alpaca's stand-in."""
    monkeypatch.setattr(cancel, "PAUSE_S", 0.01)
    server = AlpacaServer()
    with server.running():
        yield Desk("alpaca", server, tmp_path)


def test_opening_orders_go_and_protective_ones_stay(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    opening, guard = desk.rest(1, "OPENING"), desk.rest(2, "PROTECTIVE")

    status = desk.run()

    told = json.loads(capsys.readouterr().out)
    assert (status, opening.state, guard.state) == (0, "canceled", "open")
    assert [order["client_order_id"] for order in told["cancelled"]] == [opening.client_id]
    assert [order["client_order_id"] for order in told["kept"]] == [guard.client_id]
    assert told["unconfirmed"] == []
    assert desk.acts() == ["opened", "kept", "cancel_sent", "ended", "closed"]


def test_all_takes_the_guards_and_what_the_export_does_not_know(desk: Desk) -> None:
    orders = [desk.rest(1, "OPENING"), desk.rest(2, "PROTECTIVE"), desk.rest(3, "", is_known=False)]

    desk.run("--all")

    assert {order.state for order in orders} == {"canceled"}


def test_what_the_export_does_not_know_may_be_a_guard_and_stays(desk: Desk) -> None:
    known, unknown = desk.rest(1, "OPENING"), desk.rest(2, "", is_known=False)

    desk.run()

    assert (known.state, unknown.state) == ("canceled", "open")


def test_a_dry_run_sends_and_writes_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    opening = desk.rest(1, "OPENING")

    status = desk.run("--dry-run")

    assert (status, opening.state, desk.server.acts["cancel"]) == (0, "open", 0)
    assert [order["client_order_id"] for order in json.loads(capsys.readouterr().out)["planned"]] == [opening.client_id]
    assert not (desk.folder / "journal").exists()


def test_a_cancel_whose_answer_is_lost_is_looked_up(desk: Desk) -> None:
    opening = desk.rest(1, "OPENING")
    desk.server.fail("cancel", Fault.DROP_REPLY)

    assert desk.run() == 0
    assert opening.state == "canceled"
    assert "ended" in desk.acts()


def test_a_cancel_that_never_arrived_is_listed_with_the_desks_number(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    opening = desk.rest(1, "OPENING")
    desk.server.fail("cancel", Fault.ERROR_500)

    assert desk.run() == 1
    left = json.loads(capsys.readouterr().out)["unconfirmed"]
    assert opening.state == "open"
    assert [(order["client_order_id"], order["desk_phone"]) for order in left] == [(opening.client_id, "+1 555 0100")]
    assert desk.acts()[-2:] == ["unconfirmed", "closed"]


def test_keys_of_another_mode_reach_nothing(alpaca: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    opening = alpaca.rest(1, "OPENING")

    assert alpaca.run(mode="live") == 1
    assert (opening.state, sum(alpaca.server.acts.values())) == ("open", 0)
    assert "live mode" in json.loads(capsys.readouterr().out)["unconfirmed"][0]["why"]


def test_the_settings_cannot_lead_the_keys_elsewhere(alpaca: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    alpaca.rest(1, "OPENING")
    alpaca.server.url = "http://example.org"

    assert alpaca.run() == 1
    assert sum(alpaca.server.acts.values()) == 0


def test_keys_that_others_may_read_are_refused(alpaca: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    alpaca.rest(1, "OPENING")
    keys = alpaca.folder / "open.json"
    keys.write_text("{}")
    keys.chmod(0o644)

    with pytest.raises(ValueError, match="chmod 600"):
        cancel.read_keys(keys)


def test_a_venue_without_an_api_is_listed_for_the_telephone(alpaca: Desk) -> None:
    account = {
        "name": "alpha", "mode": "paper", "venue": "paper", "adapter": "paper", "desk_phone": "+1 555 0100",
        "settings": {}, "symbols": [], "orders": [
            {"client_order_id": "1" * 32, "venue_order_id": "", "symbol": "BTC-USD", "purpose": "OPENING"},
            {"client_order_id": "2" * 32, "venue_order_id": "", "symbol": "BTC-USD", "purpose": "PROTECTIVE"},
        ],
    }  # fmt: skip

    outcome = cancel.cancel_all({"accounts": [account]}, {}, lambda act, **detail: None)

    assert [order["client_order_id"] for order in outcome.unconfirmed] == ["1" * 32]


def test_a_journal_is_never_overwritten(alpaca: Desk) -> None:
    opening = alpaca.rest(1, "OPENING")
    (alpaca.folder / "journal").write_text("precious")

    assert alpaca.run() == 2
    assert (opening.state, (alpaca.folder / "journal").read_text()) == ("open", "precious")
