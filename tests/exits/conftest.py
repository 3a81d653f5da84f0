"""Floors to leave: rolled back for most tests, with real commits for races."""

from tests.execution.conftest import floor, real_floor
from tests.markets.conftest import folder, wall

__all__ = ["floor", "folder", "real_floor", "wall"]
