"""People sign in with a password; machines never, and nobody signs themselves up."""

from typing import Any

import pytest
from django.test import Client

from apps.access import services as access
from apps.access.models import User
from apps.audit.context import acting
from tests.access.conftest import Cast
from tests.builders import BY

PASSWORD = "correct-horse-battery"


def _sign_in(username: str, password: str = PASSWORD) -> bool:
    client = Client()
    client.post("/accounts/login/", {"login": username, "password": password})
    return "_auth_user_id" in client.session


def test_a_person_signs_in(cast: Cast) -> None:
    assert _sign_in("tess")


def test_a_wrong_password_does_not(cast: Cast) -> None:
    assert not _sign_in("tess", "wrong-horse-battery")


def test_a_machine_never_signs_in_not_even_with_a_password(cast: Cast) -> None:
    with acting(**BY):
        cast.machine.set_password(PASSWORD)
        cast.machine.save()

    assert not _sign_in("robot")


def test_a_deactivated_person_does_not(cast: Cast) -> None:
    access.deactivate(user=cast.trader, **BY)

    assert not _sign_in("tess")


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_signs_themselves_up(cast: Cast, method: str) -> None:
    fields: dict[str, Any] = {"username": "mallory", "password1": PASSWORD}

    getattr(Client(), method)("/accounts/signup/", fields)

    assert not User.objects.filter(username="mallory").exists()
