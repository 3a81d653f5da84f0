"""The team and the clock of the promotions' tests."""

from tests.promotions.conftest import committed_team, team, wall

__all__ = ["committed_team", "team", "wall"]
