"""Which tests share a worker, as a pytest plugin: those that start a whole product, and the simulation's.

xdist's own grouping writes the group into a node's id, where pytest 9 does not keep it: it groups nothing, and two
products run at once.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/e2e/", "tests/simulation/test_sabotage.py", "tests/simulation/test_simulation.py")


class Together(LoadScopeScheduling):
    """Tests of one place go to one worker, every other test to whichever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """The place that a test shares a worker with, or the test itself."""
    return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Hand out tests by these places."""
    return Together(config, log)
