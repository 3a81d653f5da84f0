"""Pure decisions: what widens, what differs, what the gates mean together."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.promotions.rules import Change, difference, limit_changes, verdict
from apps.releases.states import GateState

CALM = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
LEAVES = st.none() | st.integers(0, 3) | st.sampled_from(["a", "b"]) | st.lists(st.integers(0, 2), max_size=2)
TREES = st.dictionaries(
    st.sampled_from("xyz"), LEAVES | st.dictionaries(st.sampled_from("pq"), LEAVES, max_size=2), max_size=3
)
# Whether a gate in this state and openness can let through, will never, or may yet.
MEANING = {
    ("passed", True): "open",
    ("passed", False): "closed",
    ("waived", True): "open",
    ("waived", False): "closed",
    ("expired", False): "closed",
    ("failed", False): "closed",
    ("error", False): "closed",
    ("pending", False): "waiting",
    ("running", False): "waiting",
}


@pytest.mark.parametrize(
    ("before", "after", "widens", "percent"),
    [
        ("1", "2", True, Decimal("100.0")),
        ("2", "1", False, Decimal("-50.0")),
        ("1", "1.0", False, Decimal("0.0")),
        ("0", "1", True, None),
        ("3", "0", False, Decimal("-100.0")),
        ("0.000000000000000001", "0.000000000000000002", True, Decimal("100.0")),
    ],
)
def test_a_limit_widens_when_it_allows_more(before: str, after: str, widens: bool, percent: Decimal | None) -> None:
    (change,) = limit_changes({"position": before}, {"position": after})

    assert (change.widens, change.percent) == (widens, percent)


def test_a_limit_where_nothing_ran_before_widens() -> None:
    (change,) = limit_changes({}, {"position": "0"})

    assert (change.before, change.widens, change.percent) == (None, True, None)


def test_widened_limits_come_first() -> None:
    before = {"a": "1", "b": "1", "c": "1", "d": "1"}

    changes = limit_changes(before, {"a": "1", "b": "2", "c": "0", "d": "3"})

    assert [change.kind for change in changes] == ["b", "d", "a", "c"]


def test_a_difference_names_every_leaf() -> None:
    before = {"same": 1, "gone": 2, "deep": {"changed": 3}, "list": [1]}
    after = {"same": 1, "new": 4, "deep": {"changed": 5}, "list": [1, 2]}

    found = {change.path: change.kind for change in difference(before, after)}

    assert found == {
        "same": "same",
        "gone": "removed",
        "new": "added",
        "deep.changed": "changed",
        "list": "changed",
    }


def test_a_leaf_that_becomes_a_branch_is_listed() -> None:
    assert difference({"a": 1}, {"a": {"b": 2}}) == [Change("a.b", None, 2)]


@CALM
@given(tree=TREES)
def test_a_tree_does_not_differ_from_itself(tree: dict[str, object]) -> None:
    assert {change.kind for change in difference(tree, tree)} <= {"same"}


@CALM
@given(before=TREES, after=TREES)
def test_a_difference_seen_from_the_other_side_is_the_same(before: dict[str, object], after: dict[str, object]) -> None:
    there = {(change.path, repr(change.before), repr(change.after)) for change in difference(before, after)}
    back = {(change.path, repr(change.after), repr(change.before)) for change in difference(after, before)}

    assert there == back


@pytest.mark.parametrize("gates", list(product(MEANING, repeat=2)))
def test_the_door_opens_only_when_every_gate_does(gates: tuple[tuple[str, bool], ...]) -> None:
    meanings = {MEANING[gate] for gate in gates}

    expected = "closed" if "closed" in meanings else "waiting" if "waiting" in meanings else "open"

    assert verdict(gates) == expected


def test_no_gates_open_nothing() -> None:
    assert verdict([]) == "closed"


def test_every_state_of_a_gate_has_a_meaning() -> None:
    assert {state for state, _ in MEANING} == set(GateState.values)
