"""The gateway's controls around the pure check: duplicates, self-trades, throttles, slices, permissions, windows."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden, Invalid, Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order
from apps.markets import services as markets
from apps.markets.models import Instrument, ReferencePrice
from apps.risk import services as risk
from apps.risk.models import Exposure, Limit, OrderRate, ScopeBook, Throttle
from apps.venues.paper import services as paper
from tests.execution.builders import LIMITS, Floor, make_bot, make_promotion, make_release
from tests.markets.builders import BY
from tests.venues.builders import make_account


def limit(floor: Floor, kind: str, value: str) -> None:
    """Another value for a limit of the bot."""
    with acting(**BY):
        Limit.objects.filter(scope=floor.bot.scope, kind=kind).update(value=Decimal(value))


def second_bot(floor: Floor, name: str = "beta-trend") -> Deployment:
    """Another bot on an account of its own at the same venue, trading the same instrument."""
    paper.open_account(name=f"{name}-paper", currency="USD", opening_cash="100000")
    with acting(**BY):
        account = make_account(name=f"{name}-paper", bucket=floor.account.bucket, opening_cash="100000")
        bot = make_bot(account, name)
        for kind, value in LIMITS.items():
            Limit.objects.create(scope=bot.scope, kind=kind, value=Decimal(value), set_by="job:tests")
        release = make_release(bot, floor.feed)
        return deployments.start(promotion=make_promotion(release, account), **BY)


def place_for(floor: Floor, deployment: Deployment, **overrides: Any) -> Order:
    """An order of another deployment."""
    mine, floor.deployment = floor.deployment, deployment
    account, floor.account = floor.account, deployment.account
    try:
        return floor.place(**overrides)
    finally:
        floor.deployment, floor.account = mine, account


def test_the_same_order_again_at_once_is_a_duplicate(floor: Floor, settings: Any) -> None:
    settings.DUPLICATE_WINDOW_S = 1.0
    floor.place()

    assert floor.place().codes == ["DUPLICATE_ORDER"]
    assert Exposure.objects.get().working_buy == 1


def test_the_same_order_after_the_window_is_another(floor: Floor, settings: Any) -> None:
    settings.DUPLICATE_WINDOW_S = 1.0
    floor.place()
    floor.wall.advance(1)

    assert floor.place().codes == []


def test_another_price_is_another_order(floor: Floor, settings: Any) -> None:
    settings.DUPLICATE_WINDOW_S = 1.0
    floor.place(order_type="LIMIT", limit_price="99")

    assert floor.place(order_type="LIMIT", limit_price="98").codes == []


def test_an_order_that_would_trade_with_another_bot_of_ours_is_denied(floor: Floor) -> None:
    other = second_bot(floor)
    place_for(floor, other, order_type="LIMIT", limit_price="99")

    denied = floor.place(side="SELL", order_type="LIMIT", limit_price="99")

    assert denied.codes == ["SELF_TRADE"]
    assert not Order.objects.filter(side="SELL").exclude(state="DENIED").exists()


@pytest.mark.parametrize(
    "terms", [{"order_type": "LIMIT", "limit_price": "99.01"}, {"order_type": "STOP", "stop_price": "97"}]
)
def test_an_order_that_does_not_cross_ours_passes(floor: Floor, terms: dict[str, str]) -> None:
    place_for(floor, second_bot(floor), order_type="LIMIT", limit_price="99")

    assert floor.place(side="SELL", **terms).codes == []


def test_an_exit_is_not_the_one_refused_for_a_self_trade(floor: Floor) -> None:
    floor.hold_position("1")
    place_for(floor, second_bot(floor), order_type="LIMIT", limit_price="99")

    assert floor.place(side="SELL", purpose="EXIT").codes == []


def test_repeating_itself_disables_a_bot_until_a_person_enables_it(floor: Floor) -> None:
    limit(floor, "repeat_executions", "2")
    codes = [floor.place().codes for _ in range(3)]
    floor.wall.advance(120)
    floor.pass_time(1)
    later = floor.place(quantity="2")

    assert codes == [[], [], ["EXECUTION_THROTTLED"]]
    assert later.codes == ["EXECUTION_THROTTLED"]
    assert Alert.objects.get(code="BOT_THROTTLED").state == "open"

    risk.enable(throttle=Throttle.objects.get(), actor=floor.trader, reason="looked at it: a retry loop, mended")

    assert floor.place(quantity="2").codes == []
    assert Throttle.objects.get().enabled_by == floor.trader


def test_a_throttled_bot_still_gets_out(floor: Floor) -> None:
    floor.hold_position("2")
    limit(floor, "repeat_executions", "0")
    floor.place()

    assert floor.place(side="SELL", purpose="EXIT").codes == []


def test_only_a_person_with_a_reason_enables_a_throttled_bot(floor: Floor) -> None:
    limit(floor, "repeat_executions", "0")
    floor.place()
    throttle, machine = Throttle.objects.get(), floor.trader
    with pytest.raises(Invalid, match="say what you found"):
        risk.enable(throttle=throttle, actor=floor.trader, reason=" ")
    machine.kind = "service"
    with pytest.raises(Forbidden):
        risk.enable(throttle=throttle, actor=machine, reason="me again")

    throttle.refresh_from_db()
    assert throttle.enabled_at is None


def test_slices_stay_within_their_parent(floor: Floor) -> None:
    parent = {"parent_id": uuid4(), "parent_quantity": Decimal(5)}
    first = floor.place(quantity="3", **parent)
    second = floor.place(quantity="3", **parent)
    execution.cancel(order=first, **BY)
    third = floor.place(quantity="5", **parent)

    assert (first.codes, second.codes, third.codes) == ([], ["PARENT_QUANTITY_EXCEEDED"], [])


def test_a_parent_keeps_the_quantity_that_it_was_given_first(floor: Floor) -> None:
    parent = uuid4()
    floor.place(parent_id=parent, parent_quantity=Decimal(5))

    assert "PARENT_QUANTITY_CHANGED" in floor.place(parent_id=parent, parent_quantity=Decimal(50)).codes


def test_a_slice_names_its_parent_and_the_whole(floor: Floor) -> None:
    with pytest.raises(Invalid, match="a slice names its parent"):
        floor.place(parent_id=uuid4())
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("permissions", "terms", "code"),
    [
        ({"sides": ["BUY"]}, {"side": "SELL"}, "SIDE_NOT_ENTITLED"),
        ({"order_types": ["LIMIT"]}, {}, "ORDER_TYPE_NOT_ENTITLED"),
        ({"times_in_force": ["DAY"]}, {}, "TIME_IN_FORCE_NOT_ENTITLED"),
        ({"shorting": False}, {"side": "SELL"}, "SHORTING_NOT_ENTITLED"),
        ({}, {"side": "SELL"}, "SHORTING_NOT_ENTITLED"),
    ],
)
def test_a_bot_sends_only_what_its_bundle_permits(
    floor: Floor, permissions: dict[str, Any], terms: dict[str, str], code: str
) -> None:
    content = floor.release.config_bundle.content | {"permissions": permissions}
    ticket = floor.ticket(**terms)
    ticket.deployment.release.config_bundle.content = content

    assert code in execution.place(ticket=ticket, **BY).codes


@pytest.mark.parametrize(
    ("windows", "codes"),
    [
        ([{"days": ["mon"], "from": "00:00", "until": "24:00"}], []),
        ([{"days": ["tue"], "from": "00:00", "until": "24:00"}], ["SESSION_CLOSED"]),
        ([{"days": ["mon"], "from": "23:00", "until": "24:00"}], ["SESSION_CLOSED"]),
    ],
)
def test_a_bot_opens_only_within_its_session_windows(floor: Floor, windows: list[Any], codes: list[str]) -> None:
    ticket = floor.ticket()
    ticket.deployment.release.config_bundle.content |= {"session_windows": windows}

    assert execution.place(ticket=ticket, **BY).codes == codes


def test_a_bot_that_must_be_flat_opens_nothing_before_the_close(floor: Floor) -> None:
    ticket = floor.ticket()
    ticket.deployment.instrument.session_calendar = "XNYS"
    ticket.deployment.release.config_bundle.content |= {
        "end_of_day": {"policy": "flat", "minutes_before_close": 240},
    }

    assert execution.place(ticket=ticket, **BY).codes == ["SESSION_CLOSED"]  # a holiday: 1 January


def test_nothing_opens_in_a_halted_instrument_and_exits_pass(floor: Floor) -> None:
    floor.hold_position("1")
    markets.set_market_state(instrument=floor.instrument, state="halted", source="exchange", **BY)

    assert floor.place().codes == ["INSTRUMENT_HALTED"]
    assert floor.place(side="SELL", purpose="EXIT").codes == []


def test_no_order_is_priced_beyond_the_band_of_the_day(floor: Floor) -> None:
    markets.set_market_state(
        instrument=floor.instrument, state="trading", source="exchange", limit_up=Decimal("101"), **BY
    )

    assert floor.place(order_type="LIMIT", limit_price="101.01").codes == ["PRICE_OUTSIDE_BAND"]


def test_without_another_sources_price_nothing_opens(floor: Floor) -> None:
    ReferencePrice.objects.all().delete()

    assert "REFERENCE_STALE" in execution.place(ticket=floor.ticket(), **BY).codes


def test_a_feed_that_disagrees_with_the_venue_opens_nothing(floor: Floor) -> None:
    ReferencePrice.objects.update(price=Decimal(120), seen_at=wall_now())

    assert "PRICE_OUTSIDE_COLLAR" in execution.place(ticket=floor.ticket(), **BY).codes


def test_cash_that_the_venue_has_not_stated_lately_buys_nothing(floor: Floor) -> None:
    floor.account.sync.cash_at = wall_now() - timedelta(seconds=61)
    with acting(**BY):
        floor.account.sync.save()

    assert execution.place(ticket=floor.ticket(), **BY).codes == ["BUYING_POWER_UNKNOWN"]


def test_open_buys_are_taken_off_the_buying_power(floor: Floor) -> None:
    with acting(**BY):
        type(floor.account.sync).objects.update(cash=Decimal(250))
    execution.place(ticket=floor.ticket(quantity="2"), **BY)

    assert execution.place(ticket=floor.ticket(quantity="1"), **BY).codes == ["BUYING_POWER_EXCEEDED"]


def test_a_preview_checks_everything_and_keeps_nothing(floor: Floor) -> None:
    floor.hear()
    judged = execution.preview(ticket=floor.ticket(quantity="11"))

    assert judged.codes == ["QUANTITY_ABOVE_LIMIT", "POSITION_ABOVE_LIMIT"]
    assert execution.preview(ticket=floor.ticket()).codes == []
    assert not Order.objects.exists()
    assert not OrderRate.objects.filter(count__gt=0).exists()
    assert set(ScopeBook.objects.values_list("buying", "open_orders")) == {(0, 0)}


def test_a_limit_that_has_expired_has_reverted_though_no_sweep_ran(floor: Floor) -> None:
    with acting(**BY):
        Limit.objects.filter(kind="order_quantity").update(
            value=10, reverts_to=1, expires_at=wall_now() + timedelta(seconds=60)
        )
    before = floor.place(quantity="2")
    floor.wall.advance(60)
    floor.pass_time(1)

    assert (before.codes, floor.place(quantity="2").codes) == ([], ["QUANTITY_ABOVE_LIMIT"])


def test_the_order_keeps_the_terms_that_it_was_placed_with(floor: Floor) -> None:
    order = floor.place(order_type="LIMIT", limit_price="99", is_post_only=True, remainder="CANCEL")

    order.refresh_from_db()
    assert (order.is_post_only, order.remainder, order.limit_price) == (True, "CANCEL", Decimal(99))


def test_an_instrument_that_has_expired_is_not_traded(floor: Floor) -> None:
    with acting(**BY):
        Instrument.objects.update(expires_at=wall_now() - timedelta(days=9999))

    assert "INSTRUMENT_EXPIRED" in floor.place(instrument=Instrument.objects.get()).codes


def test_orders_of_a_second_are_bounded(floor: Floor) -> None:
    limit(floor, "messages_per_second", "2")
    codes = [floor.place(order_type="LIMIT", limit_price=price).codes for price in ("99", "98", "97")]
    floor.wall.advance(1)

    assert codes == [[], [], ["MESSAGES_ABOVE_LIMIT"]]
    assert floor.place(order_type="LIMIT", limit_price="97").codes == []


def test_an_unknown_client_order_id_of_other_terms_is_refused(floor: Floor) -> None:
    name = uuid4()
    floor.place(client_order_id=name, order_type="LIMIT", limit_price="99")

    with pytest.raises(Refused, match="belongs to another order"):
        floor.place(client_order_id=name, order_type="LIMIT", limit_price="99", is_post_only=True)
    assert Order.objects.count() == 1
