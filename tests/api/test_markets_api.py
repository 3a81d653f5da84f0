"""What the check depends on from outside, entered through the API: FX rates and market states."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.access.models import User
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.clocks import wall_now
from apps.markets import selectors as markets
from apps.markets.api.serializers import FxRateAsked, MarketStateAsked
from apps.markets.api.views import HALT_EXAMPLE, RATE_EXAMPLE
from apps.markets.models import FxRate, MarketStatus
from tests.api.world import ARRANGE, START, person
from tests.markets.builders import write_rate

RATES, STATES = "/api/v1/fx-rates/", "/api/v1/market-states/"
HALT = {"instrument": "BTC-USD", "state": "halted", "source": "notice 17", "reason": "the exchange stopped"}


@pytest.fixture
def risk(world) -> User:
    """The risk owner of the firm."""
    with acting(**ARRANGE):
        return person("rita", "risk owner", world.firm.scope)


@pytest.fixture
def client(risk, as_user):
    """Their client."""
    return as_user(risk)


def worth():
    """How many dollars a euro is worth."""
    return markets.convert_rate("EUR", "USD", wall_now())


def rate(**overrides):
    """A rate to enter, current for an hour; what counts is 1."""
    fields = {"base": "EUR", "quote": "USD", "rate": "1.02", "source": "desk", "reason": "the day's rate"}
    return fields | {"valid_until": (wall_now() + timedelta(hours=1)).isoformat()} | overrides


def test_a_rate_that_is_entered_counts_from_now_on(client):
    answer = client.post(RATES, rate())

    assert answer.status_code == 201, answer.json()
    assert (answer.json()["rate"], answer.json()["source"]) == ("1.02", "desk")
    assert worth() == Decimal("1.02")


def test_a_current_rate_replaces_a_stale_one(client):
    past = wall_now() - timedelta(hours=1)
    write_rate("GBP", "USD", "1.25", valid_from=past - timedelta(hours=1), valid_until=past)
    with pytest.raises(Exception, match="stale"):
        markets.convert_rate("GBP", "USD", wall_now())

    client.post(RATES, rate(base="GBP", rate="1.26"))

    assert markets.convert_rate("GBP", "USD", wall_now()) == Decimal("1.26")


def test_who_entered_a_rate_and_why_is_kept(world, client, risk):
    made = client.post(RATES, rate()).json()

    record = Record.objects.get(act="fx_rate.set", object_id=made["id"])
    assert (record.actor, record.reason, record.scope_id) == (f"user:{risk.pk}", "the day's rate", world.firm.scope.pk)
    assert record.after["pair"] == "EUR/USD"


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"rate": "0"}, "FX_RATE_NOT_POSITIVE"),
        ({"rate": "-1.02"}, "FX_RATE_NOT_POSITIVE"),
        ({"rate": 1.02}, "VALIDATION_FAILED"),
        ({"rate": "0.0000000000001"}, "FX_RATE_RANGE"),
        ({"rate": "10000000000000"}, "FX_RATE_RANGE"),
        ({"base": "eur"}, "FX_RATE_CURRENCY"),
        ({"base": "USD"}, "FX_RATE_PAIR"),
        ({"valid_until": "2020-01-01T00:00:00Z"}, "FX_RATE_PERIOD"),
        ({"valid_until": "2099-01-01T00:00:00Z"}, "FX_RATE_PERIOD"),
        ({"reason": " "}, "VALIDATION_FAILED"),
        ({"source": ""}, "VALIDATION_FAILED"),
    ],
)
def test_a_rate_that_means_nothing_is_refused_and_not_kept(client, overrides, code):
    before = FxRate.objects.count()

    answer = client.post(RATES, rate(**overrides))

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert FxRate.objects.count() == before


def test_a_risk_owner_of_one_desk_enters_no_rate_for_all(world, as_user):
    before = FxRate.objects.count()

    answer = as_user(world.own.people["risk owner"]).post(RATES, rate())

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert FxRate.objects.count() == before


def test_the_firm_s_administrator_enters_no_rate(world, as_user):
    before = FxRate.objects.count()

    assert as_user(world.firm_administrator).post(RATES, rate()).status_code == 403
    assert FxRate.objects.count() == before


def test_rates_are_listed_by_pair(client, as_user, world):
    write_rate("GBP", "USD", "1.25")

    [found] = as_user(world.own.people["trader"]).get(f"{RATES}?base=GBP").json()["results"]

    assert (found["base"], found["quote"], found["rate"]) == ("GBP", "USD", "1.25")


def test_a_halt_that_is_stated_shows_in_the_session(world, client, risk):
    answer = client.post(STATES, HALT | {"limit_up": "70000", "limit_down": "50000"})

    assert answer.status_code == 200, answer.json()
    said = answer.json()
    assert (said["symbol"], said["state"], said["limit_up"], said["source"]) == (
        "BTC-USD",
        "halted",
        "70000",
        "notice 17",
    )
    session = markets.session(world.instrument, START)
    assert (session.is_halted, session.limit_up, session.limit_down) == (True, 70_000, 50_000)


def test_who_stated_it_last_and_why_is_shown_and_kept(client, risk):
    client.post(STATES, HALT)
    client.post(STATES, HALT | {"state": "auction", "reason": "it goes on"})

    [row] = client.get(STATES).json()["results"]
    assert (row["state"], row["set_by"], row["reason"]) == ("auction", f"user:{risk.pk}", "it goes on")
    record = Record.objects.get(act="market.auction")
    assert (record.reason, record.before["state"], record.after["state"]) == ("it goes on", "halted", "auction")


@pytest.mark.parametrize(
    ("overrides", "status", "code"),
    [
        ({"state": "sleeping"}, 422, "VALIDATION_FAILED"),
        ({"limit_up": "1", "limit_down": "2"}, 422, "PRICE_BAND_INVALID"),
        ({"limit_up": "0"}, 422, "PRICE_BAND_INVALID"),
        ({"instrument": "NONE"}, 404, "REFERENCE_NOT_FOUND"),
        ({"reason": ""}, 422, "VALIDATION_FAILED"),
    ],
)
def test_a_state_that_means_nothing_is_refused_and_the_old_one_stays(client, overrides, status, code):
    answer = client.post(STATES, HALT | overrides)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert MarketStatus.objects.get().state == "trading"


def test_a_risk_owner_of_one_desk_states_nothing_for_all(world, as_user):
    answer = as_user(world.own.people["risk owner"]).post(STATES, HALT)

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert MarketStatus.objects.get().state == "trading"


@pytest.mark.parametrize(("shape", "example"), [(FxRateAsked, RATE_EXAMPLE), (MarketStateAsked, HALT_EXAMPLE)])
def test_examples_are_acceptable(shape, example):
    parsed = shape(data=example.value)

    assert parsed.is_valid(), parsed.errors
