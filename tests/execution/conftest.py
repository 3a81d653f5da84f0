"""Floors to trade on: rolled back for most tests, with real commits for races and kills."""

from pathlib import Path

import pytest

from apps.venues import services as venues
from apps.venues.models import Account
from apps.venues.paper import adapter as paper_adapter
from apps.venues.paper.adapter import PaperAdapter
from tests.execution.builders import Floor, Line, make_floor, redeploy
from tests.markets.builders import Wall
from tests.markets.conftest import folder, wall

__all__ = ["folder", "wall"]


@pytest.fixture(autouse=True)
def no_duplicate_window(settings: pytest.FixtureRequest) -> None:
    """Most tests send equal orders in a row; the window has tests of its own."""
    settings.DUPLICATE_WINDOW_S = 0.0  # type: ignore[attr-defined]


@pytest.fixture
def floor(db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Floor:
    """A floor in a transaction that is rolled back, so the guard against calls inside one is left out."""
    line = Line()

    def unguarded(account: Account) -> object:
        return line.wrap(PaperAdapter(account.name, timeout_s=5))

    monkeypatch.setattr(venues, "adapter_for", unguarded)
    return make_floor(folder, wall, line)


@pytest.fixture
def attached(floor: Floor) -> Floor:
    """A floor whose bot runs elsewhere."""
    floor.release = redeploy(floor, runs="attached")
    return floor


@pytest.fixture
def real_floor(committed_db: str, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Floor:
    """A floor with real commits and guarded adapters."""
    line = Line()

    def connect(account: Account, timeout_s: float) -> object:
        return line.wrap(PaperAdapter(account.name, timeout_s))

    monkeypatch.setattr(paper_adapter, "connect", connect)
    return make_floor(folder, wall, line)
