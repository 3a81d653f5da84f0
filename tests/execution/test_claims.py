"""Claims of due rows: one owner at a time, attempts counted first, a lost lease settles nothing."""

from datetime import timedelta

import pytest

from apps.common import claims
from apps.execution.models import Order
from tests.execution.builders import Floor, together


def claim(limit: int = 1) -> list[Order]:
    """Claim orders for 15 s."""
    return claims.claim(Order.objects.all(), lease_s=15, limit=limit)


def test_a_claim_counts_the_attempt_before_any_work(floor: Floor) -> None:
    floor.place()

    [row] = claim()

    stored = Order.objects.get()
    assert (stored.attempts, stored.lease_owner) == (1, claims.worker_name())
    assert stored.lease_until == floor.wall.now + timedelta(seconds=15)
    assert row.attempts == 1


def test_a_leased_row_is_not_claimed(floor: Floor) -> None:
    floor.place()
    claim()

    assert claim() == []
    assert Order.objects.get().attempts == 1


def test_an_expired_lease_is_claimed_again(floor: Floor) -> None:
    floor.place()
    [first] = claim()
    floor.wall.advance(15)
    assert claim() == []

    floor.wall.advance(0.001)
    [second] = claim()

    assert (second.pk, second.attempts) == (first.pk, 2)
    assert not claims.is_ours(first, second)


def test_what_is_not_due_is_not_claimed(floor: Floor) -> None:
    order = floor.place()
    Order.objects.filter(pk=order.pk).update(due_at=floor.wall.now + timedelta(seconds=1))

    assert claim() == []
    floor.wall.advance(1)
    assert len(claim()) == 1


def test_of_no_rows_none_is_claimed(floor: Floor) -> None:
    floor.place()

    assert claims.claim(Order.objects.filter(pk__in=[]), lease_s=30) == []


def test_the_oldest_due_rows_come_first(floor: Floor) -> None:
    placed = [floor.place() for _ in range(3)]
    for number, order in enumerate(placed):
        Order.objects.filter(pk=order.pk).update(due_at=floor.wall.now - timedelta(seconds=number))

    assert [row.pk for row in claim(limit=2)] == [placed[2].pk, placed[1].pk]


def test_settling_lets_go(floor: Floor) -> None:
    floor.place()
    [row] = claim()

    claims.settle(row, due_in_s=3)

    stored = Order.objects.get()
    assert (stored.due_at, stored.lease_until) == (floor.wall.now + timedelta(seconds=3), None)


@pytest.mark.parametrize("act", ["settle", "extend"])
def test_a_lost_lease_changes_nothing(floor: Floor, act: str) -> None:
    floor.place()
    [lost] = claim()
    floor.wall.advance(16)
    [held] = claim()

    if act == "settle":
        claims.settle(lost, attempts=0)
    else:
        assert not claims.extend(lost, lease_s=60)

    stored = Order.objects.get()
    assert (stored.attempts, stored.lease_until, stored.due_at) == (2, held.lease_until, held.due_at)


def test_a_heartbeat_prolongs_the_lease(floor: Floor) -> None:
    floor.place()
    [row] = claim()
    floor.wall.advance(10)

    assert claims.extend(row, lease_s=15)
    floor.wall.advance(14)
    assert claim() == []


def test_workers_at_once_never_share_a_row(real_floor: Floor) -> None:
    for _ in range(10):
        real_floor.place()

    taken = together(*[lambda: claim(limit=3)] * 6)

    ids = [row.pk for rows in taken for row in rows]
    assert len(ids) == len(set(ids)) == 10
    assert set(Order.objects.values_list("attempts", flat=True)) == {1}


def test_of_rows_due_at_the_same_moment_the_one_made_first_is_claimed_first(floor: Floor) -> None:
    first, second = floor.place(quantity="1"), floor.place(quantity="2")
    Order.objects.filter(pk=first.pk).update(attempts=0)  # now it lies behind the second in the table
    Order.objects.update(due_at=floor.wall.now)

    assert [row.pk for row in claims.claim(Order.objects.all(), lease_s=15, limit=2)] == [first.pk, second.pk]
