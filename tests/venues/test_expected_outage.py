"""An outage within announced maintenance is expected: it is told, and critical once the maintenance is over."""

from datetime import timedelta

import pytest

from apps.alerts import services as alerts
from apps.alerts.models import Alert
from apps.markets import services as markets
from apps.markets.models import MaintenanceWindow
from apps.venues import services as venues
from apps.venues.models import Venue
from tests.execution.builders import Line
from tests.markets.builders import BY, Wall, make_instrument
from tests.venues.test_breaker import account, is_up, line, silence

__all__ = ["line"]
HOUR_S = 3600


@pytest.fixture
def window(line: Line, wall: Wall) -> MaintenanceWindow:
    """An hour's maintenance of the venue, from now on."""
    return announce(wall)


def announce(wall: Wall, **overrides: object) -> MaintenanceWindow:
    fields = {"venue": Venue.objects.get().scope, "starts_at": wall.now, "source": "notice 17"}
    return markets.announce_maintenance(**fields | {"ends_at": wall.now + timedelta(hours=1)} | overrides, **BY)


def standing() -> list[str]:
    """The tiers of what nobody has resolved."""
    return [alert.tier for alert in Alert.objects.exclude(state="resolved").order_by("id")]


def test_while_it_runs_an_outage_is_told_and_calls_nobody(line: Line, window: MaintenanceWindow) -> None:
    silence(line, 7)

    alert = Alert.objects.get()
    assert not is_up()
    assert (alert.code, alert.tier) == ("VENUE_OUTAGE", "informational")
    assert alert.detail == {"expected_until": window.ends_at.isoformat()}


def test_when_it_is_over_and_the_venue_is_still_away_people_are_called_once(
    line: Line, window: MaintenanceWindow, wall: Wall
) -> None:
    silence(line, 5)
    wall.advance(HOUR_S)
    assert standing() == ["informational"]

    silence(line, 3)

    assert standing() == ["critical"]
    assert Alert.objects.count() == 2


def test_what_was_resolved_while_it_ran_keeps_nobody_from_being_called(
    line: Line, window: MaintenanceWindow, wall: Wall
) -> None:
    silence(line, 5)
    alerts.resolve(alert=Alert.objects.get(), **BY)
    wall.advance(HOUR_S)

    silence(line, 1)

    assert standing() == ["critical"]


def test_more_maintenance_that_is_announced_meanwhile_excuses_nothing(
    line: Line, window: MaintenanceWindow, wall: Wall
) -> None:
    silence(line, 5)
    wall.advance(HOUR_S - 60)
    announce(wall)
    wall.advance(120)

    silence(line, 1)

    assert standing() == ["critical"]


def test_long_maintenance_excuses_four_hours_of_an_outage(line: Line, wall: Wall) -> None:
    announce(wall, ends_at=wall.now + timedelta(days=1))
    silence(line, 5)
    wall.advance(4 * HOUR_S)
    silence(line, 1)
    assert standing() == ["informational"]

    wall.advance(1)
    silence(line, 1)

    assert standing() == ["critical"]


def test_people_who_resolved_the_call_are_not_called_again(line: Line, window: MaintenanceWindow, wall: Wall) -> None:
    silence(line, 5)
    wall.advance(HOUR_S)
    silence(line, 1)
    alerts.resolve(alert=Alert.objects.get(tier="critical"), **BY)

    silence(line, 2)

    assert standing() == []


def test_an_outage_from_before_it_stays_critical(line: Line, wall: Wall) -> None:
    silence(line, 5)
    announce(wall)

    silence(line, 2)

    assert standing() == ["critical"]


def test_one_instruments_maintenance_explains_no_outage_of_the_venue(line: Line, wall: Wall) -> None:
    announce(wall, instrument=make_instrument("ETH-USD"))

    silence(line, 5)

    assert standing() == ["critical"]


def test_the_first_answer_clears_it(line: Line, window: MaintenanceWindow) -> None:
    silence(line, 5)
    venues.adapter_for(account()).order_by_client_id("any")

    assert (is_up(), standing()) == (True, [])
