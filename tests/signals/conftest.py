"""Floors to which messages may come."""

from pathlib import Path
from typing import Any

import pytest

from apps.execution.signals.models import SignalSource
from tests.execution.builders import Floor
from tests.execution.conftest import floor, folder, real_floor, wall
from tests.signals.builders import Desk, activate, make_desk, make_source, make_weak_source

__all__ = ["floor", "folder", "real_floor", "wall"]


@pytest.fixture(autouse=True)
def keys_root(tmp_path: Path, settings: Any) -> Path:
    """The folder of keys, the test's own."""
    settings.SIGNAL_KEYS_ROOT = tmp_path / "keys"
    return settings.SIGNAL_KEYS_ROOT


@pytest.fixture
def desk(floor: Floor) -> Desk:
    """A floor with the people that sources need."""
    return make_desk(floor)


@pytest.fixture
def real_desk(real_floor: Floor) -> Desk:
    """The same with real commits."""
    return make_desk(real_floor)


@pytest.fixture
def source(desk: Desk) -> SignalSource:
    """An inactive source of signed messages."""
    return make_source(desk)


@pytest.fixture
def key(desk: Desk, source: SignalSource) -> str:
    """The source is active; its key."""
    return activate(desk, source)


@pytest.fixture
def weak(desk: Desk) -> SignalSource:
    """An inactive source that carries its secret in the body."""
    return make_weak_source(desk)


@pytest.fixture
def secret(desk: Desk, weak: SignalSource) -> str:
    """The weak source is active; its secret."""
    return activate(desk, weak)
