"""Announced maintenance at the gateway: nothing opens while it runs; what reduces goes out as always."""

from datetime import timedelta
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import Scope
from apps.audit.context import acting
from apps.execution import services as execution
from apps.execution.models import Order
from apps.markets import services as markets
from apps.markets.models import Instrument, MaintenanceWindow
from tests.execution.builders import Floor
from tests.markets.builders import BY, make_firm, make_instrument

HOUR = timedelta(hours=1)


def announce(
    floor: Floor, starts_in_s: int = 0, *, venue: Scope | None = None, instrument: Instrument | None = None
) -> MaintenanceWindow:
    """A window of an hour of the account's venue, from so many wall seconds ahead."""
    starts_at = floor.wall.now + timedelta(seconds=starts_in_s)
    return markets.announce_maintenance(
        venue=venue or floor.account.venue.scope,
        instrument=instrument,
        starts_at=starts_at,
        ends_at=starts_at + HOUR,
        source="notice 17",
        **BY,
    )


def until(floor: Floor) -> str:
    """When the denial of an order says that it ends."""
    (denial,) = execution.preview(ticket=floor.ticket()).denials
    return str(denial.context["until"])


def codes_of_a_flat_bot(floor: Floor) -> list[str]:
    """Of an order of a bot whose bundle says flat ten minutes before a close."""
    ticket = floor.ticket()
    ticket.deployment.release.config_bundle.content |= {"end_of_day": {"policy": "flat", "minutes_before_close": 10}}
    return execution.place(ticket=ticket, **BY).codes


def test_nothing_opens_while_it_runs_and_the_denial_says_until_when(floor: Floor) -> None:
    window = announce(floor)
    assert until(floor) == window.ends_at.isoformat()
    assert not Order.objects.exists()

    order = floor.place()

    assert (order.state, order.codes) == ("DENIED", ["VENUE_IN_MAINTENANCE"])
    assert "submit" not in floor.line.calls


def test_what_reduces_goes_to_the_venue(floor: Floor) -> None:
    floor.hold_position("2")
    announce(floor)

    assert floor.place(side="SELL", purpose="EXIT").codes == []


def test_a_stop_that_guards_a_position_is_not_denied_for_it(floor: Floor) -> None:
    floor.hold_position("2")
    announce(floor)

    guard = floor.ticket(side="SELL", purpose="PROTECTIVE", order_type="STOP", stop_price="80", is_reduce_only=True)

    assert "VENUE_IN_MAINTENANCE" not in execution.place(ticket=guard, **BY).codes


def test_a_cancel_goes_to_the_venue(floor: Floor) -> None:
    resting = floor.place(order_type="LIMIT", limit_price="99")
    announce(floor)

    execution.cancel(order=Order.objects.get(pk=resting.pk), **BY)

    assert Order.objects.get(pk=resting.pk).state in ("PENDING_CANCEL", "CANCELED")


def test_a_window_of_the_very_instrument_keeps_it(floor: Floor) -> None:
    announce(floor, instrument=floor.instrument)

    assert floor.place().codes == ["VENUE_IN_MAINTENANCE"]


@pytest.mark.parametrize("ahead_s", [1, 3600])
def test_a_window_that_is_ahead_keeps_nothing_of_a_bot_that_may_carry(floor: Floor, ahead_s: int) -> None:
    announce(floor, ahead_s)

    assert floor.place().codes == []


def test_it_ends_by_itself(floor: Floor) -> None:
    announce(floor, -3599)
    assert floor.place().codes == ["VENUE_IN_MAINTENANCE"]

    floor.pass_time(1)

    assert floor.place().codes == []


def test_a_cancelled_window_keeps_nothing(floor: Floor) -> None:
    announce(floor)
    with acting(**BY):
        MaintenanceWindow.objects.update(cancelled_at=floor.wall.now)

    assert floor.place().codes == []


def test_another_venue_and_another_instrument_are_none_of_it(floor: Floor) -> None:
    with acting(**BY):
        elsewhere = access.make_scope(kind="venue", name="elsewhere", parent=make_firm().scope)
    announce(floor, venue=elsewhere)
    announce(floor, instrument=make_instrument("ETH-USD"))

    assert floor.place().codes == []


def test_of_several_windows_the_one_that_runs_longest_is_named(floor: Floor) -> None:
    announce(floor, -1800)
    longest = announce(floor)
    announce(floor, 60)

    assert until(floor) == longest.ends_at.isoformat()


@pytest.mark.parametrize(("ahead_s", "expected"), [(601, []), (600, ["FLAT_BEFORE_MAINTENANCE"])])
def test_a_bot_that_has_to_be_flat_opens_nothing_shortly_before_it(
    floor: Floor, ahead_s: int, expected: list[Any]
) -> None:
    announce(floor, ahead_s)

    assert codes_of_a_flat_bot(floor) == expected
