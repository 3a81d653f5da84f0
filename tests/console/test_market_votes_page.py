"""What of rates and market states takes two people, on the markets page and on home."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.console.selectors import home
from apps.markets import selectors
from apps.markets.models import FxRate, FxRateRequest, MarketStateRequest, MarketStatus
from tests.access.proofs import sign_in_again
from tests.api.world import ARRANGE, START, person

ENTER, SET = "/markets/rates/enter/", "/markets/states/set/"
BACKEND = "django.contrib.auth.backends.ModelBackend"


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


def browser(user, ago_s=0.0):
    """A browser whose user signed in so long ago."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return sign_in_again(client, user, ago_s=ago_s)


def rate(**overrides):
    """A rate far from what counts, which is 1, put to the vote."""
    fields = {"form": "rate", "verb": "ask", "base": "EUR", "quote": "USD", "rate": "2", "source": "desk"}
    fields |= {"reason": "it was devalued", "valid_until": f"{wall_now() + timedelta(hours=1):%Y-%m-%dT%H:%M}"}
    return fields | overrides


def state(world, **overrides):
    fields = {"form": "state", "instrument": world.instrument.pk, "state": "halted", "source": "notice 17"}
    return fields | {"reason": "the exchange stopped"} | overrides


def ask_for_rate(rita):
    assert browser(rita).post(ENTER, rate()).status_code == 302
    return FxRateRequest.objects.get(base="EUR")


def ask_for_trading(world, rita):
    client = browser(rita)
    client.post(SET, state(world, limit_up="70000"))
    assert client.post(SET, state(world, verb="ask", state="trading", reason="it goes on")).status_code == 302
    return MarketStateRequest.objects.select_related("consent").latest("id")


def ballot(asked, **overrides):
    fields = {"form": str(asked.pk), "digest": asked.consent.digest, "verdict": "approve", "reason": "agreed"}
    return fields | overrides


def vote(kind, asked, user, ago_s=0.0, **overrides):
    return browser(user, ago_s).post(f"/markets/{kind}/{asked.pk}/vote/", ballot(asked, **overrides))


def worth():
    return selectors.convert_rate("EUR", "USD", wall_now())


def test_a_rate_that_departs_is_asked_for_and_shown_until_a_second_person_agrees(world, rita, raj):
    asked = ask_for_rate(rita)
    shown = browser(raj).get("/markets/").content.decode()
    assert "EUR → USD: 1 → 2 (+100 %)" in shown
    assert "Rita: “it was devalued”" in shown
    assert "It takes you to agree" in shown
    assert f'action="/markets/rates/{asked.pk}/vote/"' in shown
    assert worth() == 1

    assert vote("rates", asked, raj).status_code == 302

    assert worth() == Decimal(2)
    after = browser(raj).get("/markets/").content.decode()
    assert f'id="asked-{asked.pk}"' not in after
    assert "asked by Rita" in after


def test_the_end_of_a_halt_is_asked_for_and_shown_until_a_second_person_agrees(world, rita, raj):
    asked = ask_for_trading(world, rita)
    shown = browser(raj).get("/markets/").content.decode()
    assert "BTC-USD: halted → trading" in shown
    assert f'action="/markets/states/{asked.pk}/vote/"' in shown
    assert MarketStatus.objects.get().state == "halted"

    assert vote("states", asked, raj).status_code == 302

    session = selectors.session(world.instrument, START)
    assert (session.is_halted, session.limit_up) == (False, None)


def test_what_lets_more_trade_is_refused_to_one_person_beside_the_form(world, rita):
    client = browser(rita)
    client.post(SET, state(world))

    response = client.post(SET, state(world, verb="set", state="trading"))

    assert (response.status_code, "MARKET_STATE_LOOSENS" in response.content.decode()) == (409, True)
    assert MarketStatus.objects.get().state == "halted"


def test_whoever_asked_sees_no_buttons_and_does_not_agree(world, rita, raj):
    asked = ask_for_rate(rita)
    assert f'action="/markets/rates/{asked.pk}/vote/"' not in browser(rita).get("/markets/").content.decode()

    response = vote("rates", asked, rita)

    assert (response.status_code, worth()) == (403, 1)
    assert "VOTE_EXCLUDED" in response.content.decode()


def test_a_denial_changes_nothing(world, rita, raj):
    halted = ask_for_trading(world, rita)
    asked = ask_for_rate(rita)

    vote("rates", asked, raj, verdict="deny")
    vote("states", halted, raj, verdict="deny")

    assert (worth(), MarketStatus.objects.get().state) == (1, "halted")
    assert not selectors.waiting_rates().filter(base="EUR").exists()


@pytest.mark.parametrize("role", ["trader", "risk owner"])
def test_agreeing_takes_a_risk_owner_of_the_firm(world, rita, role):
    halted = ask_for_trading(world, rita)
    asked = ask_for_rate(rita)
    desk_person = world.own.people[role]

    answers = [vote("rates", asked, desk_person), vote("states", halted, desk_person)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert (worth(), MarketStatus.objects.get().state) == (1, "halted")


def test_asking_and_agreeing_take_a_fresh_sign_in(world, rita, raj):
    before = FxRateRequest.objects.count()
    stale = browser(rita, 601.0)
    answers = [stale.post(ENTER, rate()), stale.post(SET, state(world, verb="ask", state="trading"))]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert FxRateRequest.objects.count() == before
    halted = ask_for_trading(world, rita)
    asked = ask_for_rate(rita)

    answers = [vote("rates", asked, raj, 601.0), vote("states", halted, raj, 601.0)]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert "STEP_UP_REQUIRED" in answers[0].content.decode()
    assert (worth(), MarketStatus.objects.get().state) == (1, "halted")


def test_home_leads_whoever_may_agree_to_it(world, rita, raj):
    halted = ask_for_trading(world, rita)
    asked = ask_for_rate(rita)

    found = {task.url: task.title for task in home.tasks(raj)}

    assert found[f"/markets/#asked-{asked.pk}"] == "Agree to a rate of 2 from EUR to USD"
    assert found[f"/markets/#asked-{halted.pk}"] == "Let more trade in BTC-USD: trading"
    assert not [task for task in home.tasks(world.own.people["risk owner"]) if "/markets/" in task.url]


def test_somebody_without_a_role_sees_nothing_of_it(world, rita, signed_in):
    ask_for_rate(rita)

    assert "Waits for a second person" not in signed_in(world.outsider).get("/markets/").content.decode()
    assert FxRate.objects.count() == 1
