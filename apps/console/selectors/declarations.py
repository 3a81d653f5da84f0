"""What the page of a bot's declaration shows."""

from dataclasses import dataclass

from apps.bots.models import Bot
from apps.console.selectors import diffs, people
from apps.console.selectors.diffs import DiffRow
from apps.promotions.declarations import selectors
from apps.promotions.declarations.selectors import Drift
from apps.promotions.models import Declaration


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest declaration, what is not as it says, and who acted by their names."""

    newest: Declaration | None
    drift: list[Drift]
    names: dict[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two declarations side by side."""

    before: Declaration
    after: Declaration
    rows: list[DiffRow]

    @property
    def changes(self) -> int:
        """How many leaves differ."""
        return sum(row.kind != "same" for row in self.rows)


def standing(bot: Bot) -> Standing:
    """What was declared last and what has become of it."""
    drift = selectors.drift(bot)
    actors = [found.record.actor for found in drift if found.record]
    return Standing(selectors.newest(bot), drift, people.names_of(actors))


def difference(bot: Bot, before: str, after: str) -> Difference | None:
    """Two declarations by their numbers; None unless both are there."""
    wanted = [int(number) for number in (before, after) if number.isdecimal() and len(number) < 9]
    known = {row.number: row for row in selectors.of_bot(bot).filter(number__in=wanted)}
    if len(wanted) < 2 or not set(wanted) <= set(known):
        return None
    first, second = known[wanted[0]], known[wanted[1]]
    return Difference(first, second, list(diffs.compare(first.content, second.content)))
