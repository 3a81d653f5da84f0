"""The team whose builds are run."""

from tests.promotions.conftest import committed_team, team, wall

__all__ = ["committed_team", "team", "wall"]
