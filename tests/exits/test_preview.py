"""The preview says what a plan would do, and stores nothing."""

from decimal import Decimal

import pytest

from apps.common.errors import Invalid
from apps.execution.exits import services as exits
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.models import Order, OrderEvent
from apps.markets import services as markets
from apps.risk import services as risk
from apps.venues.adapters.base import VenueTimeout
from apps.venues.paper.models import PaperPosition
from tests.execution.builders import Floor, work_orders
from tests.exits.builders import SLOWLY, start
from tests.markets.builders import BY


def preview(floor: Floor, **overrides: object) -> exits.Preview:
    """The trader looks before leaving."""
    return exits.preview(**({"scope": floor.bot.scope, "terms": SLOWLY} | overrides))


def counts() -> tuple[int, ...]:
    """How much is stored."""
    return tuple(model.objects.count() for model in (ExitPlan, ExitLeg, Order, OrderEvent))


def test_it_shows_position_slices_bound_and_worth_and_stores_nothing(floor: Floor) -> None:
    floor.hold_position("5")
    before = counts()

    found = preview(floor)

    (leg,) = found.legs
    assert (leg.our_position, leg.venue_position, leg.side, leg.quantity) == (5, 5, "SELL", 5)
    assert (leg.slices, leg.is_confirmed, leg.waits_for) == (3, True, "")
    assert leg.price_bound == (leg.reference_price * Decimal("0.995")).quantize(Decimal("0.01"))
    assert leg.notional_base == found.notional_base == 5 * leg.reference_price
    assert counts() == before


def test_the_venue_s_position_counts_and_ours_is_shown_beside_it(floor: Floor) -> None:
    floor.hold_position("5")
    PaperPosition.objects.update(quantity=3)

    (leg,) = preview(floor).legs

    assert (leg.our_position, leg.venue_position, leg.quantity) == (5, 3, 3)


def test_a_silent_venue_leaves_it_unconfirmed(floor: Floor) -> None:
    floor.hold_position("5")
    floor.line.fails = {"positions": VenueTimeout("silence")}

    found = preview(floor)

    (leg,) = found.legs
    assert (found.is_confirmed, leg.venue_position, leg.quantity, leg.slices) == (False, None, 5, 3)
    assert leg.waits_for == "the venue does not say what it holds"


def test_it_tells_what_guards_and_what_would_be_cancelled(floor: Floor) -> None:
    floor.hold_position("4")
    guard = floor.place(side="SELL", purpose="PROTECTIVE", order_type="STOP", stop_price="90", quantity="4")
    opening = floor.place(order_type="LIMIT", limit_price="98", quantity="1")
    work_orders()

    (kept,) = preview(floor).legs
    (gone,) = preview(floor, terms=exits.Terms(keep_protective=False)).legs

    assert (kept.protective, kept.cancels) == ([guard], [opening])
    assert (gone.protective, gone.cancels) == ([guard], [guard, opening])
    assert (kept.slices, opening.state) == (2, "INITIALIZED")


def test_it_warns_that_a_bot_without_a_hold_may_open_again(floor: Floor) -> None:
    floor.hold_position("1")
    assert preview(floor).legs[0].may_reopen

    risk.place_hold(scope=floor.bot.scope, level="REDUCING", **BY)

    assert not preview(floor).legs[0].may_reopen


def test_it_says_what_a_plan_would_wait_for(floor: Floor) -> None:
    floor.hold_position("1")
    markets.set_market_state(instrument=floor.instrument, state="halted", source="test", **BY)

    assert preview(floor).legs[0].waits_for == "the instrument is halted"


def test_without_a_price_bound_and_worth_are_unknown(floor: Floor) -> None:
    floor.hold_position("1")
    markets.stall_feed(feed=floor.feed, **BY)
    floor.wall.advance(3600)

    found = preview(floor)

    assert (found.legs[0].price_bound, found.notional_base) == (None, None)
    assert "no fresh price" in found.legs[0].waits_for


def test_it_names_the_plan_that_stands_in_the_way(floor: Floor) -> None:
    plan = start(floor)

    assert preview(floor).active_plan == plan.pk
    elsewhere = preview(floor, scope=floor.account.scope)
    assert (elsewhere.active_plan, elsewhere.legs[0].plan_id) == (None, plan.pk)


def test_a_flat_bot_takes_no_slice(floor: Floor) -> None:
    (leg,) = preview(floor).legs

    assert (leg.side, leg.quantity, leg.slices, leg.notional_base) == ("", 0, 0, 0)


def test_wrong_terms_are_refused(floor: Floor) -> None:
    with pytest.raises(Invalid) as refused:
        preview(floor, terms=exits.Terms(participation=Decimal(2)))

    assert refused.value.code == "EXIT_PLAN_TERMS"
