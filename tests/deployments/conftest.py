"""The trading floor, as in the tests of execution."""

from tests.execution.conftest import attached, floor, folder, real_floor, wall

__all__ = ["attached", "floor", "folder", "real_floor", "wall"]
