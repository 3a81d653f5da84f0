"""Market states: whatever stops more holds at once; what lets more trade takes two, or the feed that stopped it."""

from decimal import Decimal
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.markets import rules, selectors, services
from apps.markets.models import Instrument, MarketStateRequest, MarketStatus
from tests.builders import fresh, make_user, refused
from tests.markets.builders import BY, MARKET_START, Wall, make_firm, make_instrument

BAND = (Decimal(90), Decimal(110))
NO_BAND = (None, None)


@pytest.fixture
def bitcoin(db: None, wall: Wall) -> Instrument:
    """An instrument of which nothing was said yet."""
    return make_instrument()


@pytest.fixture
def rita(bitcoin: Instrument) -> User:
    """A risk owner of the firm."""
    return make_user("rita", "risk owner", make_firm().scope)


@pytest.fixture
def raj(bitcoin: Instrument) -> User:
    """Another one."""
    return make_user("raj", "risk owner", make_firm().scope)


@pytest.fixture
def feed(bitcoin: Instrument) -> User:
    """A service account that reports what a venue says."""
    machine = access.make_service_account(username="status-feed", display_name="status feed", **BY)
    access.grant_role(user=machine, role="risk owner", scope=make_firm().scope, **BY)
    return machine


def stated(state: str, band: tuple[Decimal | None, Decimal | None], source: str) -> dict[str, Any]:
    down, up = band
    instrument = Instrument.objects.get()
    return {"instrument": instrument, "state": state, "limit_down": down, "limit_up": up, "source": source}


def say(actor: User, state: str, band: tuple[Any, Any] = NO_BAND, source: str = "notice 17") -> MarketStatus:
    """State how it trades."""
    return services.set_market_state(**stated(state, band, source), actor=actor, reason="so it is")


def ask(actor: User, state: str = "trading", band: tuple[Any, Any] = NO_BAND) -> MarketStateRequest:
    """Put a state to the vote."""
    return services.request_market_state(**stated(state, band, "notice 18"), actor=actor, reason="it goes on")


def vote(asked: MarketStateRequest, actor: User, *, approve: bool = True, digest: str = "") -> MarketStateRequest:
    """Vote on what was shown."""
    cast = {"approve": approve, "reason": "I asked the venue", "digest": digest or asked.consent.digest}
    return services.vote_market_state(request=fresh(asked), actor=fresh(actor), **cast)


def stands() -> tuple[bool, Decimal | None, Decimal | None]:
    """Whether it is halted, and its band from below."""
    found = selectors.session(Instrument.objects.get(), MARKET_START)
    return found.is_halted, found.limit_down, found.limit_up


def rule(trades: bool, band: tuple[Decimal | None, Decimal | None]) -> rules.Stated:
    return rules.Stated(trades, limit_up=band[1], limit_down=band[0])


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (rule(False, NO_BAND), rule(True, BAND), False),
        (rule(False, NO_BAND), rule(False, BAND), False),
        (rule(True, BAND), rule(False, BAND), True),
        (rule(True, BAND), rule(True, BAND), False),
        (rule(True, BAND), rule(True, NO_BAND), False),
        (rule(True, NO_BAND), rule(True, BAND), True),
        (rule(True, (None, Decimal(110))), rule(True, BAND), True),
        (rule(True, (Decimal(90), None)), rule(True, BAND), True),
        (rule(True, (Decimal(89), Decimal(110))), rule(True, BAND), True),
        (rule(True, (Decimal(90), Decimal(111))), rule(True, BAND), True),
        (rule(True, (Decimal(91), Decimal(109))), rule(True, BAND), False),
        (rule(True, (Decimal(91), Decimal(111))), rule(True, BAND), True),
    ],
)
def test_what_lets_more_trade(new: rules.Stated, old: rules.Stated, expected: bool) -> None:
    assert rules.loosens(new, old) is expected


def test_one_person_halts_and_narrows_at_once(rita: User) -> None:
    say(rita, "trading", BAND)
    assert stands() == (False, *BAND)

    say(rita, "halted")

    assert stands()[0]


@pytest.mark.parametrize("band", [NO_BAND, BAND])
def test_nobody_alone_ends_a_halt(rita: User, raj: User, feed: User, band: tuple[Any, Any]) -> None:
    say(rita, "halted", BAND)

    for actor in (rita, raj, feed):
        with refused("MARKET_STATE_LOOSENS"):
            say(actor, "trading", band)

    assert stands() == (True, *BAND)
    assert MarketStatus.objects.get().stated_by == f"user:{rita.pk}"


@pytest.mark.parametrize("band", [NO_BAND, (Decimal(80), Decimal(110)), (Decimal(90), None)])
def test_nobody_alone_widens_a_band(rita: User, feed: User, band: tuple[Any, Any]) -> None:
    say(rita, "trading", BAND)

    for actor in (rita, feed):
        with refused("MARKET_STATE_LOOSENS"):
            say(actor, "trading", band)

    assert stands() == (False, *BAND)


def test_what_waits_changes_nothing(rita: User) -> None:
    say(rita, "halted", BAND)

    asked = ask(rita)

    assert stands() == (True, *BAND)
    assert [row.pk for row in selectors.waiting_states()] == [asked.pk]


def test_a_second_person_ends_the_halt(rita: User, raj: User) -> None:
    say(rita, "halted", BAND)

    voted = vote(ask(rita), raj)

    assert stands() == (False, None, None)
    assert voted.applied_at is not None
    status = MarketStatus.objects.get()
    assert (status.source, status.stated_by) == ("notice 18", f"user:{raj.pk}")
    assert not selectors.waiting_states().exists()


def test_a_second_person_widens_a_band(rita: User, raj: User) -> None:
    say(rita, "trading", BAND)

    vote(ask(rita, band=(Decimal(80), Decimal(120))), raj)

    assert stands() == (False, 80, 120)


def test_a_denial_ends_it_and_changes_nothing(rita: User, raj: User) -> None:
    say(rita, "halted")
    asked = ask(rita)

    vote(asked, raj, approve=False)

    assert (stands()[0], fresh(asked).consent.state, fresh(asked).applied_at) == (True, "denied", None)


def test_who_asked_does_not_agree(rita: User, raj: User) -> None:
    say(raj, "halted")

    with refused("VOTE_EXCLUDED"):
        vote(ask(rita), rita)

    assert stands()[0]


@pytest.mark.parametrize("role", ["trader", "operator", "administrator"])
def test_agreeing_takes_a_risk_owner_of_the_firm(rita: User, role: str) -> None:
    say(rita, "halted")

    with refused("PERMISSION_DENIED"):
        vote(ask(rita), make_user("tom", role, make_firm().scope))

    assert stands()[0]


def test_a_service_account_neither_asks_nor_votes(rita: User, feed: User) -> None:
    say(rita, "halted")

    with refused("PERSON_NEEDED"):
        ask(feed)
    with refused("VOTE_BY_SERVICE"):
        vote(ask(rita), feed)

    assert stands()[0]


def test_after_a_day_nobody_agrees_any_more(wall: Wall, rita: User, raj: User) -> None:
    say(rita, "halted")
    asked = ask(rita)
    wall.advance(86_400)

    with refused("CONSENT_EXPIRED"):
        vote(asked, raj)

    assert stands()[0]
    assert not selectors.waiting_states().exists()


def test_a_later_halt_ends_what_waits(rita: User, raj: User) -> None:
    say(rita, "halted")
    asked = ask(rita)

    say(raj, "maintenance")

    with refused("CONSENT_NOT_OPEN"):
        vote(asked, raj)
    assert (stands()[0], MarketStatus.objects.get().state) == (True, "maintenance")


def test_whoever_halts_again_in_the_same_words_means_it(rita: User, raj: User, feed: User) -> None:
    say(feed, "halted", source="nyse")
    say(rita, "halted", source="nyse")

    with refused("MARKET_STATE_LOOSENS"):
        say(feed, "trading", source="nyse")
    assert stands()[0]


def test_a_feed_reopens_what_it_halted_itself(feed: User) -> None:
    say(feed, "halted", source="nyse")
    say(feed, "auction", source="nyse")

    say(feed, "trading", source="nyse")

    assert stands() == (False, None, None)


def test_a_feed_moves_its_own_band(feed: User) -> None:
    say(feed, "trading", BAND, source="nyse")

    say(feed, "trading", (Decimal(91), Decimal(111)), source="nyse")

    assert stands() == (False, 91, 111)


def test_a_feed_reopens_nothing_under_another_source(feed: User) -> None:
    say(feed, "halted", source="nyse")

    with refused("MARKET_STATE_LOOSENS"):
        say(feed, "trading", source="nasdaq")

    assert stands()[0]


def test_a_feed_reopens_nothing_that_another_feed_halted(feed: User) -> None:
    services.set_market_state(**stated("halted", NO_BAND, "nyse"), **BY)

    with refused("MARKET_STATE_LOOSENS"):
        say(feed, "trading", source="nyse")

    assert stands()[0]


def test_a_feed_s_own_halt_drops_no_band_that_people_set(rita: User, feed: User) -> None:
    say(rita, "trading", BAND)
    say(feed, "halted", source="nyse")

    with refused("MARKET_STATE_LOOSENS"):
        say(feed, "trading", source="nyse")
    assert stands()[0]

    say(feed, "trading", BAND, source="nyse")
    assert stands() == (False, *BAND)


def test_a_feed_that_repeats_a_person_s_halt_does_not_make_it_its_own(rita: User, feed: User) -> None:
    say(rita, "halted")
    say(feed, "halted", source="nyse")
    say(feed, "halted", source="nyse")

    with refused("MARKET_STATE_LOOSENS"):
        say(feed, "trading", source="nyse")

    assert stands()[0]


def test_what_means_nothing_is_not_put_to_the_vote(rita: User) -> None:
    with refused("MARKET_STATE_UNKNOWN"):
        ask(rita, "sleeping")
    with refused("PRICE_BAND_INVALID"):
        ask(rita, band=(Decimal(110), Decimal(90)))

    assert not MarketStateRequest.objects.exists()
