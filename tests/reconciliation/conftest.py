"""Both books of one account, agreeing; the second look comes at once."""

import pytest
from pytest_django import Settings

from apps.venues import services as venues
from apps.venues.models import Account
from apps.venues.paper.adapter import PaperAdapter
from tests.api.world import World, make_world
from tests.reconciliation.builders import make_both_books


@pytest.fixture
def books(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """An account whose books agree: one order, partly filled by one trade.

    The test's transaction is rolled back at its end, so the guard against calls inside one is left out.
    """

    def unguarded(account: Account) -> PaperAdapter:
        return PaperAdapter(account.name, timeout_s=5)

    settings.RECONCILE_CONFIRM_S = 0
    monkeypatch.setattr(venues, "adapter_for", unguarded)
    return _world()


@pytest.fixture
def committed_books(committed_db: str, settings: Settings) -> World:
    """The same with real commits and the guarded adapter."""
    settings.RECONCILE_CONFIRM_S = 0
    return _world()


def _world() -> World:
    world = make_world()
    make_both_books(world.own)
    return world
