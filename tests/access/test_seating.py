"""Who fills which slot: one person one slot, as many as can be."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.access.rules import is_granted, seat

TRADER, RISK = "vote_trader", "vote_risk"
PEOPLE = [UUID(int=number) for number in range(1, 5)]
ABLE = st.dictionaries(
    st.sampled_from(PEOPLE), st.frozensets(st.sampled_from([TRADER, RISK, "release_hold"])), max_size=4
)
SLOTS = st.lists(st.sampled_from([TRADER, RISK, "release_hold"]), max_size=4)
CALM = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def _most(slots: Sequence[str], able: Mapping[UUID, frozenset[str]]) -> int:
    """The most slots that any order of the people fills, by trying all."""
    empty: list[UUID | None] = [None] * len(slots)
    return max(
        sum(person is not None and slot in able[person] for slot, person in zip(slots, order, strict=False))
        for order in permutations([*able, *empty], len(slots))
    )


@CALM
@given(slots=SLOTS, able=ABLE)
def test_nobody_could_be_seated_better(slots: list[str], able: dict[UUID, frozenset[str]]) -> None:
    assert len(seat(slots, able)) == _most(slots, able)


@CALM
@given(slots=SLOTS, able=ABLE)
def test_one_person_has_one_slot_and_is_able_to_fill_it(slots: list[str], able: dict[UUID, frozenset[str]]) -> None:
    seats = seat(slots, able)

    assert len(set(seats.values())) == len(seats)
    assert all(slots[index] in able[person] for index, person in seats.items())


@CALM
@given(slots=SLOTS, able=ABLE)
def test_a_later_voter_takes_nobodys_seat_away(slots: list[str], able: dict[UUID, frozenset[str]]) -> None:
    seated: set[UUID] = set()
    for count in range(1, len(able) + 1):
        now = set(seat(slots, dict(list(able.items())[:count])).values())
        assert seated <= now
        seated = now


def test_a_person_who_could_fill_either_makes_room() -> None:
    able = {PEOPLE[0]: frozenset({TRADER, RISK}), PEOPLE[1]: frozenset({TRADER})}

    assert seat([TRADER, RISK], able) == {0: PEOPLE[1], 1: PEOPLE[0]}
    assert is_granted([TRADER, RISK], able)


def test_one_person_with_both_roles_is_not_two_people() -> None:
    assert not is_granted([TRADER, RISK], {PEOPLE[0]: frozenset({TRADER, RISK})})
