"""From a terminal: rates, market states, venues and accounts, by a named person who may, with a reason."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.access import services as access
from apps.access.models import RiskBucket, Scope, User
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.clocks import wall_now
from apps.markets import selectors, services
from apps.markets.models import FxRate, FxRateRequest, MarketStateRequest, MarketStatus
from apps.venues.models import Account, Venue
from apps.venues.paper import services as paper
from apps.venues.paper.models import PaperAccount
from tests.markets.builders import BY, MARKET_START, make_firm, make_instrument, write_rate
from tests.venues.builders import make_bucket

pytestmark = pytest.mark.django_db


def make_person(name: str, role: str, scope: Scope) -> User:
    with acting(**BY):
        user = User.objects.create(username=name, display_name=name.title())
    access.grant_role(user=user, role=role, scope=scope, **BY)
    return user


@pytest.fixture(autouse=True)
def people() -> None:
    """A risk owner and an administrator of the firm, and one of each of a desk."""
    firm, desk = make_firm().scope, make_bucket().desk.scope
    for name, role, scope in (
        ("rita", "risk owner", firm),
        ("adam", "administrator", firm),
        ("rob", "risk owner", desk),
        ("ada", "administrator", desk),
    ):
        make_person(name, role, scope)


def run(*arguments: str, actor: str = "rita", reason: str = "as agreed") -> dict[str, Any]:
    """What the command prints."""
    out = StringIO()
    call_command(*arguments, "--actor", actor, "--reason", reason, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def rate(*arguments: str, **by: str) -> dict[str, Any]:
    until = (wall_now() + timedelta(hours=1)).isoformat()
    return run("set_fx_rate", "EUR", "USD", "1.25", "--until", until, "--source", "desk", *arguments, **by)


def halt(*arguments: str, **by: str) -> dict[str, Any]:
    return run("set_market_state", "BTC-USD", "halted", "--source", "notice 17", *arguments, **by)


def venue(*arguments: str, name: str = "kraken", actor: str = "adam", **by: str) -> dict[str, Any]:
    asked = arguments or ("--adapter", "ccxt", "--mode", "live")
    return run("add_venue", name, *asked, actor=actor, **by)


def account(*arguments: str, at: str = "kraken", environment: str = "live", actor: str = "ada") -> dict[str, Any]:
    place = ("--venue", at, "--bucket", RiskBucket.objects.get().name, "--environment", environment)
    return run("add_account", "main", *place, "--currency", "USD", *arguments, actor=actor)


def test_a_rate_counts_at_once_and_its_author_is_kept() -> None:
    write_rate("EUR", "USD", "1.2")
    rate()

    assert selectors.convert_rate("EUR", "USD", wall_now()) == Decimal("1.25")
    record = Record.objects.get(act="fx_rate.set")
    assert (record.actor, record.reason) == (f"user:{User.objects.get(username='rita').pk}", "as agreed")


def test_a_moment_without_a_zone_is_utc() -> None:
    write_rate("EUR", "USD", "1.2")
    rate("--from", "2026-03-02T09:00")

    assert FxRate.objects.get(source="desk", rate=Decimal("1.25")).valid_from == datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_a_first_rate_is_asked_for_here_and_agreed_to_elsewhere() -> None:
    with pytest.raises(CommandError, match="FX_RATE_FIRST"):
        rate()

    told = rate("--ask")

    assert not FxRate.objects.exists()
    asked = FxRateRequest.objects.get()
    assert (told["request"], asked.consent.requested_by.username) == (str(asked.pk), "rita")
    raj = make_person("raj", "risk owner", make_firm().scope)
    services.vote_fx_rate(request=asked, actor=raj, approve=True, reason="agreed", digest=asked.consent.digest)
    assert selectors.convert_rate("EUR", "USD", wall_now()) == Decimal("1.25")


def test_the_end_of_a_halt_is_asked_for_here_and_agreed_to_elsewhere() -> None:
    instrument = make_instrument()
    halt()
    reopen = ("set_market_state", "BTC-USD", "trading", "--source", "notice 18")
    with pytest.raises(CommandError, match="MARKET_STATE_LOOSENS"):
        run(*reopen)

    told = run(*reopen, "--ask")

    asked = MarketStateRequest.objects.get()
    assert (told["request"], asked.consent.requested_by.username) == (str(asked.pk), "rita")
    assert selectors.session(instrument, MARKET_START).is_halted
    raj = make_person("raj", "risk owner", make_firm().scope)
    services.vote_market_state(request=asked, actor=raj, approve=True, reason="agreed", digest=asked.consent.digest)
    assert not selectors.session(instrument, MARKET_START).is_halted


@pytest.mark.parametrize(
    ("by", "code"),
    [
        ({"actor": "rob"}, "PERMISSION_DENIED"),
        ({"actor": "adam"}, "PERMISSION_DENIED"),
        ({"actor": "nobody"}, "PERSON_UNKNOWN"),
        ({"reason": " "}, "REASON_MISSING"),
    ],
)
def test_whoever_may_not_or_says_no_reason_changes_nothing(by: dict[str, str], code: str) -> None:
    make_instrument()

    for command in (rate, halt):
        with pytest.raises(CommandError, match=code):
            command(**by)

    assert not FxRate.objects.exists()
    assert not MarketStatus.objects.exists()


def test_somebody_who_left_enters_no_rate() -> None:
    with acting(**BY):
        User.objects.filter(username="rita").update(is_active=False)

    with pytest.raises(CommandError, match="PERSON_UNKNOWN"):
        rate()
    assert not FxRate.objects.exists()


def test_a_rate_that_means_nothing_is_refused_with_its_code() -> None:
    with pytest.raises(CommandError, match="FX_RATE_PERIOD"):
        rate("--from", "2999-01-01T00:00")

    assert not FxRate.objects.exists()


def test_a_halt_with_a_band_shows_in_the_session() -> None:
    instrument = make_instrument()

    assert halt("--limit-up", "70000", "--limit-down", "50000")["state"] == "halted"

    session = selectors.session(instrument, MARKET_START)
    assert (session.is_halted, session.limit_up, session.limit_down) == (True, 70_000, 50_000)


def test_an_instrument_that_nobody_knows_is_refused() -> None:
    with pytest.raises(CommandError, match="INSTRUMENT_UNKNOWN"):
        halt()


def test_a_venue_is_made_with_its_settings() -> None:
    chosen = {"exchange": "kraken", "symbols": {"BTC-USD": "BTC/USD"}}
    venue("--adapter", "ccxt", "--mode", "live", "--adapter-settings", json.dumps(chosen))

    made = Venue.objects.get()
    assert (made.name, made.adapter, made.mode, made.settings) == ("kraken", "ccxt", "live", chosen)
    assert Record.objects.get(act="venue.made").reason == "as agreed"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--adapter", "paper", "--mode", "live"), "ADAPTER_MODE"),
        (("--adapter", "nyse", "--mode", "live"), "ADAPTER_UNKNOWN"),
        (("--adapter", "alpaca", "--mode", "live", "--adapter-settings", "[]"), "SETTINGS_MALFORMED"),
        (("--adapter", "alpaca", "--mode", "live", "--adapter-settings", "kraken"), "SETTINGS_MALFORMED"),
        (("--adapter", "alpaca", "--mode", "live", "--adapter-settings", '{"apiKey": "x"}'), "SETTINGS_SECRET"),
        (
            ("--adapter", "alpaca", "--mode", "live", "--adapter-settings", '{"auth": [{"apiKey": "x"}]}'),
            "SETTINGS_SECRET",
        ),
    ],
)
def test_a_venue_that_cannot_be_is_refused(arguments: tuple[str, ...], code: str) -> None:
    with pytest.raises(CommandError, match=code):
        venue(*arguments)

    assert not Venue.objects.exists()


@pytest.mark.parametrize("name", ["../keys", "two words", "x" * 51])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="NAME_MALFORMED"):
        venue(name=name)

    assert not Venue.objects.exists()


@pytest.mark.parametrize("actor", ["ada", "rita"])
def test_a_venue_takes_an_administrator_of_the_firm(actor: str) -> None:
    with pytest.raises(CommandError, match="PERMISSION_DENIED"):
        venue(actor=actor)

    assert not Venue.objects.exists()


def test_a_live_account_is_made_and_told_where_its_keys_belong(settings: Settings, tmp_path: Path) -> None:
    settings.VENUE_KEYS_ROOT = tmp_path
    venue()

    told = account("--opening-cash", "250.50")

    made = Account.objects.get()
    assert (made.environment, made.mode, made.opening_cash) == ("live", "live", Decimal("250.5"))
    assert made.bucket == RiskBucket.objects.get()
    assert told["keys"] == str(tmp_path / "main.json")
    assert not PaperAccount.objects.exists()


@pytest.mark.parametrize(("mode", "environment"), [("live", "paper"), ("paper", "live")])
def test_a_paper_account_and_a_live_venue_do_not_meet(mode: str, environment: str) -> None:
    venue("--adapter", "alpaca", "--mode", mode)

    with pytest.raises(CommandError, match="VENUE_MODE_MISMATCH"):
        account(environment=environment)

    assert not Account.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--currency", "usd"), "CURRENCY_MALFORMED"),
        (("--opening-cash", "NaN"), "DECIMAL_MALFORMED"),
        (("--venue", "nowhere"), "REFERENCE_NOT_FOUND"),
        (("--bucket", "nowhere"), "REFERENCE_NOT_FOUND"),
    ],
)
def test_an_account_that_cannot_be_is_refused(arguments: tuple[str, ...], code: str) -> None:
    venue()

    with pytest.raises(CommandError, match=code):
        account(*arguments)

    assert not Account.objects.exists()


def test_an_account_takes_an_administrator_of_its_desk() -> None:
    venue()

    with pytest.raises(CommandError, match="PERMISSION_DENIED"):
        account(actor="rob")

    assert not Account.objects.exists()


def test_the_paper_venue_opens_the_account_in_its_own_books() -> None:
    venue("--adapter", "paper", "--mode", "paper", name="paper")

    account("--opening-cash", "1000", at="paper", environment="paper")

    books = PaperAccount.objects.get()
    assert (books.name, books.currency, books.cash) == ("main", "USD", 1000)


def test_books_that_say_something_else_leave_no_account_behind() -> None:
    venue("--adapter", "paper", "--mode", "paper", name="paper")
    paper.open_account(name="main", currency="USD", opening_cash="5")

    with pytest.raises(CommandError, match="PAPER_BOOKS_DIFFER"):
        account("--opening-cash", "1000", at="paper", environment="paper")

    assert not Account.objects.exists()
