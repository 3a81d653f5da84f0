"""One row of every model, and connections of the other database roles."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from pytest_django import Settings

from apps.audit.context import acting
from apps.deployments.models import Slice
from tests.api.world import World, make_world
from tests.databases import url_of


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Settings) -> World:
    """Two desks with one of everything each, slices of accounts too."""
    settings.DATASET_ROOT = tmp_path
    made = make_world(tmp_path)
    with acting("job:test", "arrange"):
        Slice.objects.create(account=made.own.account, instrument=made.instrument, bot=made.own.bot)
    return made


def _connected(variable: str) -> Iterator[psycopg.Connection]:
    name = connection.settings_dict["NAME"]
    if variable not in os.environ:
        raise AssertionError(f"{variable} is not set")
    with psycopg.connect(url_of(name, variable)) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def owner(db: None) -> Iterator[psycopg.Connection]:
    """A connection of the owner role to the test's database; what it did is rolled back."""
    yield from _connected("DATABASE_OWNER_URL")


@pytest.fixture
def reader(db: None) -> Iterator[psycopg.Connection]:
    """A connection of the read role."""
    yield from _connected("DATABASE_READ_URL")
