"""Fixtures of all tests: real PostgreSQL as the application role."""

import os
from collections.abc import Iterator

import pytest

from tests import databases


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """One database per xdist worker, cloned from the template."""
    name = f"qd_test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    databases.clone(name)
    with django_db_blocker.unblock():
        databases.point_django_at(name)
    yield
    with django_db_blocker.unblock():
        databases.point_django_at("quarterdeck")
    databases.drop(name)


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own with real commits: for races, workers and calls outside transactions."""
    with django_db_blocker.unblock(), databases.cloned() as name:
        yield name
