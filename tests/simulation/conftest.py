"""One world for all simulated runs of a test module."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import databases
from tests.simulation.runner import Runner, runner


@pytest.fixture(scope="module")
def playing(django_db_setup: None, django_db_blocker: Any) -> Iterator[Runner]:
    """A runner on a database of its own, at which Django points until the module is through."""
    with django_db_blocker.unblock(), databases.cloned(), runner() as made:
        yield made
