"""What of rates and market states takes two people, through the API."""

from datetime import timedelta
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from apps.access import services as access
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.markets import selectors as markets
from apps.markets.models import FxRate, FxRateRequest, MarketStateRequest, MarketStatus
from tests.access.proofs import sign_in_again
from tests.api.world import ARRANGE, START, person

RATES, STATES = "/api/v1/fx-rates/", "/api/v1/market-states/"
HALT = {"instrument": "BTC-USD", "state": "halted", "source": "notice 17", "reason": "the exchange stopped"}
REOPEN = HALT | {"state": "trading", "limit_up": "70000", "reason": "it goes on"}
BACKEND = "django.contrib.auth.backends.ModelBackend"


class Session(APIClient):
    """The API in a browser's session, in JSON."""

    default_format = "json"


def client_of(user, ago_s=0.0):
    """A client whose user signed in so long ago."""
    client = Session(raise_request_exception=False)
    client.force_login(user, backend=BACKEND)
    return sign_in_again(client, user, ago_s=ago_s)


@pytest.fixture
def rita(world):
    """A risk owner of the firm."""
    with acting(**ARRANGE):
        return person("rita", "risk owner", world.firm.scope)


@pytest.fixture
def raj(world):
    """Another one."""
    with acting(**ARRANGE):
        return person("raj", "risk owner", world.firm.scope)


@pytest.fixture
def machine(world):
    """A service account with a risk owner's role on the firm."""
    found = access.make_service_account(username="rates", display_name="rates", **ARRANGE)
    access.grant_role(user=found, role="risk owner", scope=world.firm.scope, **ARRANGE)
    return found


def rate(**overrides):
    """A rate far from what counts, which is 1."""
    fields = {"base": "EUR", "quote": "USD", "rate": "2", "source": "desk", "reason": "it was devalued"}
    return fields | {"valid_until": (wall_now() + timedelta(hours=1)).isoformat()} | overrides


def ballot(asked, **overrides):
    return {"approve": True, "digest": asked["digest"], "reason": "agreed"} | overrides


def worth():
    return markets.convert_rate("EUR", "USD", wall_now())


def halt(world, rita):
    """The instrument is halted by one person."""
    assert client_of(rita).post(STATES, HALT).status_code == 200


def is_halted(world):
    return markets.session(world.instrument, START).is_halted


@pytest.mark.parametrize(("overrides", "code"), [({}, "FX_RATE_DEPARTS"), ({"base": "GBP"}, "FX_RATE_FIRST")])
def test_neither_a_person_nor_a_machine_enters_it_alone(world, rita, machine, as_user, overrides, code):
    for user in (rita, machine):
        answer = as_user(user).post(RATES, rate(**overrides))
        assert (answer.status_code, answer.json()["code"]) == (409, code)

    assert FxRate.objects.count() == 1


def test_two_people_enter_a_rate_that_departs(world, rita, raj):
    asked = client_of(rita).post(f"{RATES}requests/", rate())
    assert asked.status_code == 201, asked.json()
    shown = asked.json()
    assert (shown["vote_state"], shown["departs_from"], shown["asked_by"]) == ("open", "1", str(rita.pk))
    assert worth() == 1

    voted = client_of(raj).post(f"{RATES}requests/{shown['id']}/votes/", ballot(shown))

    assert (voted.status_code, voted.json()["vote_state"]) == (200, "granted")
    assert worth() == Decimal(2)
    assert voted.json()["entry"] == str(FxRate.objects.latest("id").pk)


def test_two_people_end_a_halt(world, rita, raj):
    halt(world, rita)
    refusal = client_of(rita).post(STATES, REOPEN)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "MARKET_STATE_LOOSENS")
    shown = client_of(rita).post(f"{STATES}requests/", REOPEN).json()
    assert is_halted(world)

    voted = client_of(raj).post(f"{STATES}requests/{shown['id']}/votes/", ballot(shown))

    assert (voted.status_code, voted.json()["vote_state"]) == (200, "granted")
    assert voted.json()["applied_at"]
    session = markets.session(world.instrument, START)
    assert (session.is_halted, session.limit_up) == (False, 70_000)


def test_whoever_asked_does_not_agree(world, rita):
    halt(world, rita)
    client = client_of(rita)
    asked = {url: client.post(f"{url}requests/", body).json() for url, body in ((RATES, rate()), (STATES, REOPEN))}

    for url, shown in asked.items():
        answer = client.post(f"{url}requests/{shown['id']}/votes/", ballot(shown))
        assert (answer.status_code, answer.json()["code"]) == (403, "VOTE_EXCLUDED")

    assert (worth(), is_halted(world)) == (1, True)


def test_a_denial_changes_nothing(world, rita, raj):
    shown = client_of(rita).post(f"{RATES}requests/", rate()).json()

    voted = client_of(raj).post(f"{RATES}requests/{shown['id']}/votes/", ballot(shown, approve=False))

    assert (voted.json()["vote_state"], voted.json()["entry"], worth()) == ("denied", None, 1)


@pytest.mark.parametrize("url", [RATES, STATES])
def test_a_machine_does_not_ask(world, rita, machine, as_user, url):
    halt(world, rita)

    answer = as_user(machine).post(f"{url}requests/", rate() if url == RATES else REOPEN)

    assert (answer.status_code, answer.json()["code"]) == (403, "PERSON_NEEDED")
    assert not FxRateRequest.objects.filter(base="EUR").exists()
    assert not MarketStateRequest.objects.filter(limit_up=70_000).exists()


def test_a_machine_does_not_vote(world, rita, machine, as_user):
    shown = client_of(rita).post(f"{RATES}requests/", rate()).json()

    answer = as_user(machine).post(f"{RATES}requests/{shown['id']}/votes/", ballot(shown))

    assert (answer.status_code, answer.json()["code"], worth()) == (403, "VOTE_BY_SERVICE", 1)


@pytest.mark.parametrize("url", [RATES, STATES])
def test_asking_and_agreeing_take_a_fresh_sign_in(world, rita, raj, url):
    halt(world, rita)
    body = rate() if url == RATES else REOPEN
    stale = client_of(rita, 601.0).post(f"{url}requests/", body)
    assert (stale.status_code, stale.json()["code"]) == (409, "STEP_UP_REQUIRED")
    shown = client_of(rita).post(f"{url}requests/", body).json()

    answer = client_of(raj, 601.0).post(f"{url}requests/{shown['id']}/votes/", ballot(shown))

    assert (answer.status_code, answer.json()["code"]) == (409, "STEP_UP_REQUIRED")
    assert (worth(), is_halted(world)) == (1, True)


def test_what_waits_is_listed_for_whoever_may_view(world, rita, as_user):
    shown = client_of(rita).post(f"{RATES}requests/", rate()).json()

    trader = as_user(world.own.people["trader"])
    listed = trader.get(f"{RATES}requests/?vote_state=open").json()["results"]

    assert shown["id"] in [row["id"] for row in listed]
    assert trader.get(f"{RATES}requests/?vote_state=denied").json()["results"] == []
    assert as_user(world.outsider).get(f"{RATES}requests/").json()["results"] == []


def test_a_machine_reopens_only_what_it_halted_itself(world, rita, machine, as_user):
    feed = as_user(machine)
    assert feed.post(STATES, HALT | {"source": "nyse"}).status_code == 200
    assert feed.post(STATES, HALT | {"source": "nyse", "state": "trading"}).status_code == 200
    halt(world, rita)

    answer = feed.post(STATES, HALT | {"source": "nyse", "state": "trading"})

    assert (answer.status_code, answer.json()["code"]) == (409, "MARKET_STATE_LOOSENS")
    assert MarketStatus.objects.get().state == "halted"
