"""The markets page: instruments with state and prices, FX rates with what is missing, and both forms."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.console.selectors import markets as shown
from apps.markets import selectors, services
from apps.markets.models import FxRate, Instrument, MarketStatus, ReferencePrice
from tests.api.world import ARRANGE, START, person
from tests.markets.builders import write_rate

ENTER, SET = "/markets/rates/enter/", "/markets/states/set/"


@pytest.fixture
def risk(world):
    """The risk owner of the firm."""
    with acting(**ARRANGE):
        return person("rita", "risk owner", world.firm.scope)


def rate(**overrides):
    fields = {"form": "rate", "base": "EUR", "quote": "USD", "rate": "1.02", "source": "desk", "reason": "the day's"}
    return fields | {"valid_until": f"{wall_now() + timedelta(hours=1):%Y-%m-%dT%H:%M}"} | overrides


def state(world, **overrides):
    fields = {"form": "state", "instrument": world.instrument.pk, "state": "halted", "source": "notice 17"}
    return fields | {"reason": "the exchange stopped"} | overrides


def enter(hours, **overrides):
    """A rate that started `hours` ago and held for an hour."""
    start = wall_now() - timedelta(hours=hours)
    fields = {"base": "JPY", "quote": "USD", "rate": "0.007"} | overrides
    return write_rate(**fields, valid_from=start, valid_until=start + timedelta(hours=1))


def text_of(client):
    return client.get("/markets/").content.decode()


def test_the_page_shows_states_prices_and_rates(world, signed_in):
    text = text_of(signed_in(world.own.people["trader"]))

    assert "▶ trading" in text
    assert "venue:paper" in text
    assert "EUR → USD" in text
    assert "✓ in force" in text


def test_an_instrument_of_which_nobody_spoke_trades_by_its_calendar(world, signed_in):
    with acting(**ARRANGE):
        MarketStatus.objects.all().delete()

    assert "by its calendar" in text_of(signed_in(world.own.people["trader"]))


def test_an_old_reference_price_is_marked_stale(world):
    ReferencePrice.objects.update(seen_at=wall_now() - timedelta(minutes=5))
    assert [reference.is_stale for reference in shown.views([world.instrument])[0].references] == [True]

    ReferencePrice.objects.update(seen_at=wall_now())
    assert [reference.is_stale for reference in shown.views([world.instrument])[0].references] == [False]


def test_of_each_pair_the_entry_that_counts_and_the_later_ones_are_shown(world):
    enter(5)
    enter(3)
    enter(-2)

    found = [view for view in shown.rates(world.own.people["trader"]) if view.row.base == "JPY"]

    assert [(view.is_stale, view.is_later) for view in found] == [(True, False), (False, True)]


def test_a_conversion_that_is_needed_and_missing_is_called_out(world, signed_in):
    trader = world.own.people["trader"]
    assert shown.gaps(trader) == []

    with acting(**ARRANGE):
        Instrument.objects.update(quote_currency="JPY")
    assert "no rate from JPY to USD" in text_of(signed_in(trader))
    enter(0)
    assert shown.gaps(trader) == []


def test_one_rate_of_a_pair_serves_both_ways(world):
    with acting(**ARRANGE):
        Instrument.objects.update(quote_currency="JPY")

    enter(0, base="USD", quote="JPY", rate="150")

    assert shown.gaps(world.own.people["trader"]) == []


def test_a_rate_that_ran_out_says_to_enter_a_current_one(world, signed_in):
    with acting(**ARRANGE):
        Instrument.objects.update(quote_currency="JPY")
    enter(3)

    assert "is stale: enter a current one" in text_of(signed_in(world.own.people["trader"]))


def test_a_risk_owner_of_the_firm_enters_a_rate(world, risk, signed_in):
    client = signed_in(risk)
    assert "Enter the rate" in text_of(client)

    response = client.post(ENTER, rate())

    assert (response.status_code, response["Location"]) == (302, "/markets/")
    assert selectors.convert_rate("EUR", "USD", wall_now()) == Decimal("1.02")
    text = text_of(client)
    assert "Rita" in text
    assert "the day&#x27;s" in text


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"rate": "nan"}, "DECIMAL_MALFORMED"),
        ({"rate": "0"}, "FX_RATE_NOT_POSITIVE"),
        ({"quote": "EUR"}, "FX_RATE_PAIR"),
        ({"valid_until": "2020-01-01T00:00"}, "FX_RATE_PERIOD"),
        ({"valid_until": "2099-01-01T00:00"}, "FX_RATE_PERIOD"),
        ({"reason": ""}, "FORM_INVALID"),
    ],
)
def test_a_refused_rate_is_explained_and_what_was_typed_stays(risk, signed_in, overrides, code):
    before = FxRate.objects.count()

    response = signed_in(risk).post(ENTER, rate(source="the desk’s screen") | overrides)

    assert response.status_code == 422
    text = response.content.decode()
    assert code in text
    assert "the desk’s screen" in text
    assert FxRate.objects.count() == before


@pytest.mark.parametrize(
    ("overrides", "code"), [({"rate": "2"}, "FX_RATE_DEPARTS"), ({"base": "GBP"}, "FX_RATE_FIRST")]
)
def test_what_takes_two_people_is_refused_to_one_with_what_to_do(risk, signed_in, overrides, code):
    before = FxRate.objects.count()

    response = signed_in(risk).post(ENTER, rate(**overrides))

    assert response.status_code == 409
    text = response.content.decode()
    assert code in text
    assert "another risk owner of the firm decides" in text
    assert FxRate.objects.count() == before


def test_a_risk_owner_of_the_firm_halts_an_instrument(world, risk, signed_in):
    client = signed_in(risk)

    response = client.post(SET, state(world, limit_up="70000", limit_down="50000"))

    assert (response.status_code, response["Location"]) == (302, "/markets/")
    session = selectors.session(world.instrument, START)
    assert (session.is_halted, session.limit_up, session.limit_down) == (True, 70_000, 50_000)
    text = text_of(client)
    assert "■ halted" in text
    assert "the exchange stopped" in text


def test_the_history_of_a_state_can_be_followed(world, risk, signed_in):
    client = signed_in(risk)
    client.post(SET, state(world))

    text = client.get(f"/audit/markets.marketstatus/{world.instrument.status.pk}/").content.decode()

    assert "market.halted" in text


def test_a_refused_state_is_explained_and_the_old_one_stays(world, risk, signed_in):
    response = signed_in(risk).post(SET, state(world, limit_up="1", limit_down="2"))

    assert response.status_code == 422
    assert "PRICE_BAND_INVALID" in response.content.decode()
    assert MarketStatus.objects.get().state == "trading"


def test_whoever_may_not_state_sees_no_form_and_changes_nothing(world, signed_in):
    client = signed_in(world.own.people["risk owner"])
    before = FxRate.objects.count()

    assert "Enter the rate" not in text_of(client)
    refused = [client.post(ENTER, rate()), client.post(SET, state(world))]
    assert [response.status_code for response in refused] == [403, 403]
    assert "PERMISSION_DENIED" in refused[0].content.decode()
    assert (FxRate.objects.count(), MarketStatus.objects.get().state) == (before, "trading")


def test_somebody_without_a_role_sees_neither_instrument_nor_rate(world, signed_in):
    text = text_of(signed_in(world.outsider))

    assert "No instrument to show" in text
    assert "EUR → USD" not in text


def test_the_fragment_is_refetched_by_itself(world, signed_in):
    response = signed_in(world.own.people["trader"]).get(
        "/markets/", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="market-list"
    )

    assert response.content.lstrip().startswith(b'<div id="market-list"')
    assert b"<html" not in response.content


def test_queries_do_not_grow_with_the_instruments(world, django_assert_num_queries):
    with acting(**ARRANGE):
        made = [services.add_instrument(symbol=f"X{n}-USD", asset_class="equity", base_currency=f"X{n}",
                quote_currency="USD", lot_size="1", tick_size="0.01", **ARRANGE) for n in range(5)]  # fmt: skip

    with django_assert_num_queries(2):
        shown.views([world.instrument, *made])


def test_limits_lead_to_the_page(world, signed_in):
    assert 'href="/markets/"' in signed_in(world.own.people["trader"]).get("/limits/").content.decode()
