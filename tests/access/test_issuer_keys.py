"""Keys that an issuer publishes: asked for over a real socket, kept, rotated, and refused when anything is odd."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import IssuerKeys, SpentAssertion, Token
from apps.access.services import fetching, issuers
from apps.common.clocks import wall_now
from apps.common.errors import Refused, Unavailable
from tests.access.conftest import Cast
from tests.access.exchanges import ask, make_trust, refused
from tests.access.issuer import Issuer, claims_of, public_jwk, running, signed
from tests.builders import refused as refused_with
from tests.races import codes, race

HUGE = json.dumps({"keys": [{"kid": "x" * 1000}] * 200}).encode()


@pytest.fixture
def issuer(settings: Any) -> Iterator[Issuer]:
    """A running issuer on this machine, which the settings allow."""
    settings.ISSUER_HTTP_HOSTS = settings.ISSUER_PRIVATE_HOSTS = ["127.0.0.1"]
    with running() as found:
        yield found


@pytest.fixture
def trusted(issuer: Issuer, committed_cast: Cast) -> Issuer:
    """The issuer, named by the machine's trust without pinned keys; what is done commits."""
    make_trust(committed_cast, issuer=issuer.url, jwks=None)
    return issuer


def test_keys_are_asked_for_once_and_found_again_after_a_rotation(trusted):
    assert [ask(trusted.token()).status_code for _ in range(2)] == [200, 200]
    assert trusted.asked == ["/.well-known/openid-configuration", "/jwks"]

    trusted.keys = [public_jwk("rotated", "RSA")]
    rotated = lambda: ask(signed(claims_of(trusted.url), "rotated", "RSA"))  # noqa: E731
    early = rotated()
    IssuerKeys.objects.update(asked_at=wall_now() - issuers.ASKED_AGAIN_AFTER)

    assert early.json()["code"] == "SUBJECT_TOKEN_KEY_UNKNOWN"
    assert rotated().status_code == 200
    assert ask(trusted.token()).json()["code"] == "SUBJECT_TOKEN_KEY_UNKNOWN"
    assert trusted.asked.count("/jwks") == 2


def test_known_keys_serve_for_an_hour_while_the_issuer_is_down_and_then_nothing_is_issued(trusted):
    ask(trusted.token())
    trusted.misbehaves = lambda path: (500, {}, b"")
    past = wall_now() - issuers.FRESH
    IssuerKeys.objects.update(asked_at=past, fetched_at=past)
    assert ask(trusted.token()).status_code == 200

    IssuerKeys.objects.update(asked_at=past, fetched_at=wall_now() - issuers.TRUSTED)
    answer = ask(trusted.token())

    assert (answer.status_code, answer.json()["code"]) == (503, "ISSUER_UNREACHABLE")
    assert (answer.json()["error"], answer.headers["Retry-After"]) == ("temporarily_unavailable", "5")
    assert Token.objects.count() == SpentAssertion.objects.count() == 2


def test_a_token_that_arrives_twice_at_once_counts_once_and_one_caller_asks_for_the_keys(trusted):
    keys = race(*[lambda: issuers.keys_for(trusted.url, "one")] * 4)
    assert all(isinstance(found, dict | Unavailable) for found in keys)
    assert trusted.asked.count("/jwks") == 1
    text = trusted.token()

    outcomes = race(*[lambda: access.exchange(subject_token=text, audience="", address="203.0.113.7")] * 6)

    assert codes(outcomes) == ["SUBJECT_TOKEN_REPLAYED"] * 5
    assert Token.objects.count() == SpentAssertion.objects.count() == 1


def test_an_issuer_that_never_answered_gives_no_token(issuer, committed_cast):
    make_trust(committed_cast, issuer="http://127.0.0.1:1", jwks=None)

    for _ in range(2):
        refused(ask(signed(claims_of("http://127.0.0.1:1"))), "ISSUER_UNREACHABLE", 503, "temporarily_unavailable")


def unreachable(issuer: Issuer, asked: int) -> None:
    """No keys can be had, and the issuer was asked for so many documents."""
    with pytest.raises(Unavailable) as refusal:
        issuers.published(issuer.url)
    assert refusal.value.code == "ISSUER_UNREACHABLE"
    assert len(issuer.asked) == asked


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b""),
        (200, {}, HUGE),
        (200, {}, b"[" * 100_000),
        (200, {}, b"no json"),
        (200, {}, b"\xff\xfe"),
        (200, {}, b"[]"),
        (302, {"Location": "http://127.0.0.1:1/"}, b""),
        (302, {"Location": "/elsewhere"}, b""),
    ],
)
def test_an_issuer_that_answers_oddly_has_no_keys(issuer, answer):
    issuer.misbehaves = lambda path: answer

    unreachable(issuer, 1)


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "https://other.example/jwks"},
        {"jwks_uri": "http://127.0.0.1:1/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
    ],
)
def test_keys_at_another_place_are_not_asked_for(issuer, described):
    issuer.described = described

    unreachable(issuer, 1)


def test_a_huge_key_set_is_not_read(issuer):
    described = json.dumps({"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks"}).encode()
    issuer.misbehaves = lambda path: (200, {}, HUGE if path == "/jwks" else described)

    unreachable(issuer, 2)
    assert len(HUGE) > fetching.BYTES_MAX


def test_an_issuer_that_holds_the_line_is_hung_up_on(issuer, monkeypatch):
    monkeypatch.setattr(fetching, "DEADLINE_S", 0.1)
    issuer.misbehaves = lambda path: time.sleep(1) or (200, {}, b"{}")
    began = time.monotonic()

    unreachable(issuer, 1)
    assert time.monotonic() - began < 0.9


def test_a_private_address_is_not_called(issuer, settings):
    settings.ISSUER_PRIVATE_HOSTS = []

    unreachable(issuer, 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://ci.example", "ftp://ci.example", "https://", "https://ci.example?x=1", "https://ci.example#x",
        "https://me:word@ci.example", "https://ci.example:99999", "https://ci.example/\n", "https://[::1", "ci.example",
        "https://ci.example/" + "x" * 500,
    ],
)  # fmt: skip
def test_what_is_no_plain_https_address_is_no_issuer(url):
    with refused_with("ISSUER_ADDRESS"):
        fetching.place_of(url)


def test_nobody_is_asked_inside_a_transaction(issuer, db):
    with pytest.raises(Refused) as refusal:
        issuers.keys_for(issuer.url, "one")

    assert refusal.value.code == "CALL_INSIDE_TRANSACTION"
    assert issuer.asked == []
