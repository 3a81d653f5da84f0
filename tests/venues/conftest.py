"""The hand-moved wall clock and the dataset folder, as in the tests of markets."""

from tests.markets.conftest import folder, wall

__all__ = ["folder", "wall"]
