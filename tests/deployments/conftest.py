"""The trading floor, as in the tests of execution."""

from tests.execution.conftest import floor, folder, real_floor, wall

__all__ = ["floor", "folder", "real_floor", "wall"]
