"""Fixtures of risk tests: the world of two desks."""

from pathlib import Path
from typing import Any

import pytest

from tests.api.world import World, make_world


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Any) -> World:
    """Two desks with one of everything each."""
    settings.DATASET_ROOT = tmp_path
    return make_world(tmp_path)
