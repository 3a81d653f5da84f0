"""Prices of other sources and what is said of a market: only the newest and only what makes sense is kept."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.audit.models import Record
from apps.common.errors import Invalid
from apps.markets import selectors
from apps.markets import services as markets
from apps.markets.models import Instrument, MarketStatus, ReferencePrice
from tests.markets.builders import BY, MARKET_START, Wall, make_instrument


@pytest.fixture
def bitcoin(db: None, wall: Wall) -> Instrument:
    """An instrument of which nothing was said yet."""
    return make_instrument()


def see(wall: Wall, bitcoin: Instrument, price: str, *, late_s: float = 0, source: str = "venue:paper") -> None:
    """A source states a price that was true `late_s` seconds ago."""
    seen_at = wall.now - timedelta(seconds=late_s)
    markets.see_reference(instrument=bitcoin, source=source, price=Decimal(price), seen_at=seen_at)


def test_a_newer_price_replaces_the_older_one(wall: Wall, bitcoin: Instrument) -> None:
    see(wall, bitcoin, "100", late_s=2)
    see(wall, bitcoin, "101")

    kept = ReferencePrice.objects.get()
    assert (kept.price, kept.seen_at) == (Decimal(101), wall.now)


def test_an_older_price_that_comes_late_changes_nothing(wall: Wall, bitcoin: Instrument) -> None:
    see(wall, bitcoin, "101")
    see(wall, bitcoin, "100", late_s=2)

    assert ReferencePrice.objects.get().price == 101


def test_a_price_from_before_the_clock_was_set_back_gives_way(wall: Wall, bitcoin: Instrument) -> None:
    see(wall, bitcoin, "101")
    wall.advance(-3600)
    see(wall, bitcoin, "99")

    kept = ReferencePrice.objects.get()
    assert (kept.price, kept.seen_at) == (Decimal(99), wall.now)


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "-Infinity"])
def test_what_is_no_price_is_not_kept(wall: Wall, bitcoin: Instrument, price: str) -> None:
    see(wall, bitcoin, "100", late_s=2)
    see(wall, bitcoin, price)

    kept = ReferencePrice.objects.get()
    assert (kept.price, kept.seen_at) == (Decimal(100), wall.now - timedelta(seconds=2))


def test_each_source_keeps_its_own_price(wall: Wall, bitcoin: Instrument) -> None:
    assert selectors.reference(bitcoin, "venue:paper") is None
    see(wall, bitcoin, "100", source="venue:paper")
    see(wall, bitcoin, "102", source="venue:other")

    found = [selectors.reference(bitcoin, source) for source in ("venue:paper", "venue:other")]
    assert [row.price for row in found if row is not None] == [100, 102]


def say(bitcoin: Instrument, state: str, up: str | None = None, down: str | None = None) -> MarketStatus:
    """An exchange says how an instrument trades."""
    bands = {name: None if text is None else Decimal(text) for name, text in (("limit_up", up), ("limit_down", down))}
    return markets.set_market_state(instrument=bitcoin, state=state, source="exchange", **bands, **BY)


def test_a_halt_shows_in_the_session_and_in_the_record(bitcoin: Instrument) -> None:
    say(bitcoin, "halted")

    assert selectors.session(bitcoin, MARKET_START).is_halted
    assert Record.objects.filter(act="market.halted").count() == 1


def test_trading_again_ends_the_halt_and_keeps_one_row(bitcoin: Instrument) -> None:
    say(bitcoin, "halted", up="110", down="90")
    say(bitcoin, "trading")

    session = selectors.session(bitcoin, MARKET_START)
    assert (session.is_halted, session.limit_up, session.limit_down) == (False, None, None)
    assert MarketStatus.objects.count() == 1


def test_an_instrument_of_which_nobody_spoke_trades_by_its_calendar(bitcoin: Instrument) -> None:
    session = selectors.session(bitcoin, MARKET_START)

    assert (session.is_open, session.is_halted, session.limit_up) == (True, False, None)


def test_a_state_that_nobody_knows_is_refused(bitcoin: Instrument) -> None:
    with pytest.raises(Invalid) as refusal:
        say(bitcoin, "sleeping")

    assert refusal.value.code == "MARKET_STATE_UNKNOWN"
    assert not MarketStatus.objects.exists()


@pytest.mark.parametrize(("up", "down"), [("90", "110"), ("0", None), (None, "-1"), ("NaN", "1"), (None, "Infinity")])
def test_a_band_that_is_none_is_refused_and_the_old_one_stays(
    bitcoin: Instrument, up: str | None, down: str | None
) -> None:
    say(bitcoin, "trading", up="110", down="90")

    with pytest.raises(Invalid) as refusal:
        say(bitcoin, "trading", up=up, down=down)

    assert refusal.value.code == "PRICE_BAND_INVALID"
    assert MarketStatus.objects.get().limit_up == 110
