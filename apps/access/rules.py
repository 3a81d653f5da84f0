"""Pure decisions about consent: who fills which slot."""

from collections.abc import Mapping, Sequence
from uuid import UUID


def seat(slots: Sequence[str], able: Mapping[UUID, frozenset[str]]) -> dict[int, UUID]:
    """A maximum assignment of people to slots, one person one slot (bipartite matching).

    `able` maps a person to the permissions they hold; earlier voters keep a seat where possible. The
    method is augmenting paths (Kuhn 1955); slots are few, so its O(slots × people) does not matter.
    """
    seats: dict[int, UUID] = {}

    def place(person: UUID, seen: set[int]) -> bool:
        for index, permission in enumerate(slots):
            if permission not in able[person] or index in seen:
                continue
            seen.add(index)
            if index not in seats or place(seats[index], seen):
                seats[index] = person
                return True
        return False

    for person in able:
        place(person, set())
    return seats


def is_granted(slots: Sequence[str], able: Mapping[UUID, frozenset[str]]) -> bool:
    """Whether the approving voters fill every slot."""
    return len(seat(slots, able)) == len(slots)
