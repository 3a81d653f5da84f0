"""The whole transition matrices, without a database."""

from itertools import product
from typing import Any

import pytest

from apps.common import states
from apps.common.errors import Refused
from apps.deployments.states import DESIRED_TRANSITIONS, OBSERVED_TRANSITIONS, Desired, Observed
from apps.execution.states import (
    AT_VENUE,
    CYCLE_TRANSITIONS,
    ORDER_TRANSITIONS,
    TERMINAL,
    WORKING,
    CycleState,
    OrderState,
)
from apps.risk.states import DRAIN_TRANSITIONS, HOLD_TRANSITIONS, DrainState, HoldState

ORDER_MOVES = """
INITIALIZED > DENIED SUBMITTING NOT_SENT CANCELED PARTIALLY_FILLED FILLED
SUBMITTING > NOT_SENT UNKNOWN ACCEPTED REJECTED PARTIALLY_FILLED FILLED CANCELED EXPIRED
UNKNOWN > NOT_SENT ACCEPTED REJECTED PARTIALLY_FILLED FILLED CANCELED EXPIRED
ACCEPTED > PARTIALLY_FILLED FILLED PENDING_REPLACE PENDING_CANCEL CANCELED EXPIRED REJECTED
PARTIALLY_FILLED > PARTIALLY_FILLED FILLED PENDING_REPLACE PENDING_CANCEL CANCELED EXPIRED
PENDING_REPLACE > ACCEPTED PARTIALLY_FILLED FILLED PENDING_CANCEL CANCELED EXPIRED REJECTED
PENDING_CANCEL > ACCEPTED PARTIALLY_FILLED FILLED CANCELED EXPIRED REJECTED
CANCELED > FILLED ACCEPTED PARTIALLY_FILLED PENDING_CANCEL
EXPIRED > FILLED ACCEPTED PARTIALLY_FILLED PENDING_CANCEL
REJECTED > FILLED ACCEPTED PARTIALLY_FILLED PENDING_CANCEL
NOT_SENT > FILLED PENDING_CANCEL
DENIED > FILLED
FILLED > CANCELED
"""
OTHER_MOVES = [
    (CYCLE_TRANSITIONS, CycleState, {"due": {"done", "failed", "fenced"}}),
    (HOLD_TRANSITIONS, HoldState, {"active": {"released"}}),
    (DRAIN_TRANSITIONS, DrainState, {"pending": {"drained"}}),
    (DESIRED_TRANSITIONS, Desired, {"running": {"paused", "stopped"}, "paused": {"running", "stopped"}}),
    (
        OBSERVED_TRANSITIONS,
        Observed,
        {
            "starting": {"running", "failed", "paused", "stopped"},
            "running": {"paused", "stopped", "failed", "starting"},
            "paused": {"running", "stopped", "starting"},
            "failed": {"starting", "stopped", "paused"},
        },
    ),
]


def order_moves() -> dict[str, set[str]]:
    """The table above."""
    rows = (line.split(" >") for line in ORDER_MOVES.strip().splitlines())
    return {before: set(after.split()) for before, after in rows}


class Row:
    """What `move` needs of a model."""

    class _meta:
        verbose_name = "row"

    def __init__(self, state: str) -> None:
        self.state, self.code, self.saved = state, "", []

    def save(self, *, update_fields: list[str]) -> None:
        """Remember what would be written."""
        self.saved.append(update_fields)


@pytest.mark.parametrize(("before", "after"), list(product(OrderState.values, OrderState.values)))
def test_every_move_of_an_order(before: str, after: str) -> None:
    assert_move(ORDER_TRANSITIONS, before, after, is_allowed=after in order_moves()[before])


@pytest.mark.parametrize(("table", "kind", "moves"), OTHER_MOVES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_move_of_the_other_tables(table: Any, kind: Any, moves: dict[str, set[str]]) -> None:
    for before, after in product(kind.values, kind.values):
        assert_move(table, before, after, is_allowed=after in moves.get(before, set()))


def assert_move(table: Any, before: str, after: str, *, is_allowed: bool) -> None:
    """It moves and writes exactly the changed fields, or is refused and touches nothing."""
    row = Row(before)
    if is_allowed:
        states.move(row, after, table, code="X")
        assert (row.state, row.code, row.saved) == (after, "X", [["state", "code"]])
        return
    with pytest.raises(Refused) as refused:
        states.move(row, after, table, code="X")
    assert refused.value.code == "STATE_CONFLICT"
    assert (row.state, row.code, row.saved) == (before, "", [])


def test_every_state_of_an_order_is_working_or_over() -> None:
    assert set(OrderState) == WORKING | TERMINAL
    assert not WORKING & TERMINAL
    assert {OrderState.INITIALIZED} == WORKING - AT_VENUE


def test_nothing_that_is_over_works_again() -> None:
    """But what the venue lists after all: given up by us it is cancelled there, settled by people it works again."""
    late = {OrderState.NOT_SENT: {OrderState.PENDING_CANCEL}, OrderState.FILLED: {OrderState.CANCELED}}
    settled = {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.PENDING_CANCEL}
    late |= dict.fromkeys((OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED), settled)
    for state in TERMINAL:
        assert set(ORDER_TRANSITIONS.get(state, ())) <= {OrderState.FILLED, *late.get(state, ())}
