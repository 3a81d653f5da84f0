"""Tokens of service accounts: kept as a digest, narrowing what the account may."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from apps.access import services as access
from apps.access.models import Token
from apps.access.states import Permission
from tests.access.conftest import Cast
from tests.builders import BY, refused
from tests.markets.builders import Wall


def _make(cast: Cast, *permissions: str, hours: int = 1) -> tuple[Token, str]:
    wanted = list(permissions or (Permission.VIEW, Permission.TRADE))
    return access.make_token(user=cast.machine, name="t", permissions=wanted, expires_in_h=hours, **BY)


def _ask(text: str) -> int:
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")
    return int(client.get("/api/v1/desks/").status_code)


def test_a_token_acts_for_its_account(cast: Cast) -> None:
    token, text = _make(cast)

    found = access.token_for(text)

    assert found == token
    assert found.user == cast.machine
    assert _ask(text) == 200


def test_only_a_digest_is_kept(cast: Cast) -> None:
    token, text = _make(cast)

    row = Token.objects.filter(pk=token.pk).values().get()

    assert text.rsplit("_", 1)[1] not in repr(row)
    assert len(row["digest"]) == 64


@pytest.mark.parametrize("text", ["", "qd", "qd_", "qd__", "xx_a_b", "qd_none_secret", "qd_a\x00b_secret", "…_…_…"])
def test_an_unknown_token_is_refused(cast: Cast, text: str) -> None:
    assert access.token_for(text) is None


def test_another_secret_under_a_known_prefix_is_refused(cast: Cast) -> None:
    token, _ = _make(cast)

    assert access.token_for(f"qd_{token.prefix}_guess") is None
    assert _ask(f"qd_{token.prefix}_guess") == 401


def test_a_revoked_token_is_refused_at_once(cast: Cast) -> None:
    token, text = _make(cast)

    access.revoke_token(token=token, **BY)
    access.revoke_token(token=token, **BY)

    assert _ask(text) == 401


def test_an_expired_token_is_refused(cast: Cast, wall: Wall) -> None:
    _, text = _make(cast, hours=1)
    assert access.token_for(text) is not None

    wall.advance(timedelta(hours=1).total_seconds())

    assert access.token_for(text) is None


def test_the_token_of_a_deactivated_account_is_refused(cast: Cast) -> None:
    _, text = _make(cast)

    access.deactivate(user=cast.machine, **BY)

    assert _ask(text) == 401


def test_a_token_narrows_what_its_account_may(cast: Cast) -> None:
    _, text = _make(cast, Permission.VIEW)

    token = access.token_for(text)
    assert token is not None
    token.user.acting_token = token

    assert access.may(token.user, Permission.VIEW, cast.desk.scope)
    assert not access.may(token.user, Permission.TRADE, cast.desk.scope)


def test_a_token_never_widens_what_its_account_may(cast: Cast) -> None:
    _, text = _make(cast, Permission.VIEW, Permission.ADMINISTER)

    token = access.token_for(text)
    assert token is not None
    token.user.acting_token = token

    assert not access.may(token.user, Permission.ADMINISTER, cast.desk.scope)
    assert not access.may(token.user, Permission.VIEW, cast.other_desk.scope)


def test_people_have_no_tokens(cast: Cast) -> None:
    with refused("TOKEN_FOR_PERSON"):
        access.make_token(user=cast.trader, name="t", permissions=[], expires_in_h=1, **BY)

    assert not Token.objects.exists()


@pytest.mark.parametrize("hours", [0, -1, 24 * 367])
def test_a_token_lives_no_time_or_too_long_never(cast: Cast, hours: int) -> None:
    with refused("TOKEN_LIFE"):
        _make(cast, hours=hours)


def test_an_unknown_permission_is_refused(cast: Cast) -> None:
    with refused("TOKEN_PERMISSION_UNKNOWN"):
        _make(cast, "fly")
