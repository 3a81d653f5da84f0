"""One world for all simulated runs of a test session's worker."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import databases
from tests.simulation.runner import Runner, runner


@pytest.fixture(scope="session")
def playing(django_db_setup: None, django_db_blocker: Any) -> Iterator[Runner]:
    """A runner on a database of its own; Django points at it only while a test of this folder runs."""
    with django_db_blocker.unblock(), databases.cloned(), runner() as made:
        yield made
