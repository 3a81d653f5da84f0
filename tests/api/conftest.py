"""Fixtures of API tests: the world, and a client for anybody in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.access.models import User
from tests.api.world import World, make_world


class JsonClient(APIClient):
    """Speaks JSON unless told otherwise."""

    default_format = "json"


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Any) -> World:
    """Two desks with one of everything each."""
    settings.DATASET_ROOT = tmp_path
    return make_world(tmp_path)


@pytest.fixture
def as_user() -> Callable[[User], APIClient]:
    """A client that acts as a user, read fresh as a request would."""

    def client(user: User) -> APIClient:
        api = JsonClient(raise_request_exception=False)
        api.force_authenticate(User.objects.get(pk=user.pk))
        return api

    return client
