"""The wall clock and the dataset folder of a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.common import clocks
from tests.markets.builders import Wall


@pytest.fixture
def wall() -> Iterator[Wall]:
    """A wall clock that the test moves."""
    hand = Wall()
    with clocks.clock(hand):
        yield hand


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """An empty dataset folder."""
    settings.DATASET_ROOT = tmp_path
    return tmp_path
