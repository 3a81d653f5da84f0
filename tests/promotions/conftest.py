"""A team ready to promote, and a wall clock that the test moves."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.common import clocks
from tests import builders
from tests.builders import Team


class Ahead:
    """The real wall clock, moved ahead by hand."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return clocks._system() + self.ahead


@pytest.fixture
def wall() -> Iterator[Ahead]:
    """Set `wall.ahead` to move the clock."""
    hand = Ahead()
    with clocks.clock(hand):
        yield hand


@pytest.fixture
def team(db: None, tmp_path: Path, settings: Settings) -> Team:
    """A desk's team under the two-slot policy."""
    builders.open_folders(tmp_path, settings)
    made = builders.make_team()
    builders.set_policy()
    return made


@pytest.fixture
def committed_team(committed_db: str, tmp_path: Path, settings: Settings) -> Team:
    """The same in a database of its own, with real commits."""
    builders.open_folders(tmp_path, settings)
    made = builders.make_team()
    builders.set_policy()
    return made
