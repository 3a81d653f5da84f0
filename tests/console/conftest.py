"""Fixtures of page tests: the world of two desks, and a browser-like client for anybody in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from tests.api.world import World, make_world

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Any) -> World:
    """Two desks with one of everything each."""
    settings.DATASET_ROOT = tmp_path
    settings.STATIC_ROOT = tmp_path
    return make_world(tmp_path)


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A client signed in as a user."""

    def client(user: User) -> Client:
        found = Client()
        found.force_login(user, backend=BACKEND)
        return found

    return client
