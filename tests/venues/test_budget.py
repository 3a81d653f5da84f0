"""The call budget of an account: never overspent, a part of it kept for what reduces risk."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.venues import budget
from apps.venues import services as venues
from apps.venues.adapters.base import VenueBusy
from apps.venues.budget import Priority
from apps.venues.models import Account, VenueBudget
from tests.execution.builders import together
from tests.markets.builders import Wall
from tests.venues.builders import make_account

A_MINUTE = 200
BURST = 20


@pytest.fixture
def account(db: None, wall: Wall) -> Account:
    """An account whose bucket is full."""
    return make_account()


def spend_all(account: Account, priority: Priority, per_minute: int = A_MINUTE) -> int:
    """Call until there is no room; how many calls went out."""
    for calls in range(10_000):
        try:
            budget.spend(account.pk, per_minute, priority)
        except VenueBusy:
            return calls
    raise AssertionError("there was always room")


def test_a_full_bucket_lets_a_burst_out_and_no_more(account: Account) -> None:
    assert spend_all(account, Priority.URGENT) == BURST


def test_a_fifth_is_kept_for_what_reduces_and_as_much_for_orders(account: Account) -> None:
    polls = spend_all(account, Priority.POLL)
    orders = spend_all(account, Priority.ORDER)
    urgent = spend_all(account, Priority.URGENT)

    assert (polls, orders, urgent) == (12, 4, 4)


def test_no_minute_lets_out_more_than_the_venue_allows(account: Account, wall: Wall) -> None:
    calls = 0
    for _ in range(120):
        calls += spend_all(account, Priority.URGENT)
        wall.advance(0.5)

    assert A_MINUTE * 0.9 < calls <= A_MINUTE


def test_a_venue_with_many_calls_is_not_overspent_by_slices(account: Account, wall: Wall) -> None:
    calls = 0
    for _ in range(60):
        calls += spend_all(account, Priority.URGENT, per_minute=6_000)
        wall.advance(1)

    assert 5_000 < calls <= 6_000


def test_what_was_taken_and_not_used_within_a_second_is_gone(account: Account, wall: Wall) -> None:
    budget.reserve(account.pk, A_MINUTE, Priority.URGENT)
    left = VenueBudget.objects.get().tokens

    wall.advance(1.5)
    budget.spend(account.pk, A_MINUTE, Priority.URGENT)

    refilled = min(BURST, left + 1.5 * (A_MINUTE - BURST) / budget.WINDOW_S)
    assert VenueBudget.objects.get().tokens == pytest.approx(refilled - 1)


def test_a_refusal_says_when_there_is_room_again(account: Account, wall: Wall) -> None:
    spend_all(account, Priority.URGENT)
    with pytest.raises(VenueBusy) as refused:
        budget.spend(account.pk, A_MINUTE, Priority.URGENT)
    wall.advance(refused.value.retry_in_s - 0.01)
    with pytest.raises(VenueBusy):
        budget.spend(account.pk, A_MINUTE, Priority.URGENT)

    wall.advance(0.02)
    budget.spend(account.pk, A_MINUTE, Priority.URGENT)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_neither_stops_nor_floods(account: Account, wall: Wall, hours: int) -> None:
    spend_all(account, Priority.URGENT)

    wall.now += timedelta(hours=hours)
    first = spend_all(account, Priority.URGENT)
    wall.advance(2)

    assert first <= BURST
    assert spend_all(account, Priority.URGENT) >= 5


def test_accounts_have_budgets_of_their_own(account: Account) -> None:
    other = make_account(name="beta-paper")
    spend_all(account, Priority.URGENT)

    assert spend_all(other, Priority.URGENT) == BURST


def test_a_reserved_submit_needs_no_second_token(account: Account) -> None:
    for _ in range(480):
        budget.spend(account.pk, 6_000, Priority.ORDER)
    with pytest.raises(VenueBusy):
        venues.reserve_call(account)

    venues.reserve_call(account, urgent=True)

    assert budget.order_priority(account.pk) == Priority.URGENT
    assert budget.order_priority(account.pk) == Priority.ORDER


def test_two_connections_do_not_overspend(committed_db: str, wall: Wall) -> None:
    """Every thread has slices of its own from the one bucket."""
    account = make_account()
    spend: Callable[[], Any] = lambda: spend_all(account, Priority.URGENT)  # noqa: E731

    assert sum(together(*[spend] * 8)) == BURST
    assert VenueBudget.objects.get().tokens == pytest.approx(0)
