"""Both books of one account, agreeing; the second look comes at once."""

from pathlib import Path

import pytest
from pytest_django import Settings

from apps.venues import services as venues
from apps.venues.models import Account
from apps.venues.paper.adapter import PaperAdapter
from tests.api.world import World, make_world
from tests.reconciliation.builders import make_both_books


@pytest.fixture
def books(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """An account whose books agree: one order, partly filled by one trade.

    The test's transaction is rolled back at its end, so the guard against calls inside one is left out.
    """

    def unguarded(account: Account) -> PaperAdapter:
        return PaperAdapter(account.name, timeout_s=5)

    settings.RECONCILE_CONFIRM_S = 0
    monkeypatch.setattr(venues, "adapter_for", unguarded)
    return _world(settings, tmp_path)


@pytest.fixture
def committed_books(committed_db: str, settings: Settings, tmp_path: Path) -> World:
    """The same with real commits and the guarded adapter."""
    settings.RECONCILE_CONFIRM_S = 0
    return _world(settings, tmp_path)


def _world(settings: Settings, folder: Path) -> World:
    settings.DATASET_ROOT = folder
    world = make_world(folder)
    make_both_books(world.own)
    return world
