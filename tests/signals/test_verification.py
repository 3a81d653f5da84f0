"""Who sent it, and when: the Standard Webhooks scheme, measured against its own library."""

import base64
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.execution.signals.rules import verification
from apps.execution.signals.rules.verification import Headers, new_key, verify
from tests.builders import refused
from tests.signals.builders import signed

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
BODY = b'{"a": 1}'
KEY, OTHER = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"k", b"o"))
GOOD = signed(KEY, BODY, at=NOW)
# From the scheme's specification: standard-webhooks.md, "Signature scheme", checked by its reference libraries.
SPEC_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SPEC_BODY = b'{"test": 2432232314}'
SPEC = Headers("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")


def test_a_message_of_the_schemes_own_library_is_verified() -> None:
    assert verify(GOOD, BODY, [KEY], NOW) == "msg-1"


def test_the_published_example_is_verified() -> None:
    assert verify(SPEC, SPEC_BODY, [SPEC_KEY], datetime.fromtimestamp(1614265330, UTC)) == SPEC.id


@pytest.mark.parametrize("keys", [[KEY, OTHER], [OTHER, KEY]])
def test_either_of_two_keys_verifies(keys: list[str]) -> None:
    assert verify(GOOD, BODY, keys, NOW) == "msg-1"


@pytest.mark.parametrize(
    "signature",
    [f"v1,AAAA {GOOD.signature}", f"v1a,xyz {GOOD.signature} v2,", f"junk {GOOD.signature}", f"v1,é {GOOD.signature}"],
)
def test_one_good_signature_among_others_verifies(signature: str) -> None:
    assert verify(replace(GOOD, signature=signature), BODY, [KEY], NOW) == "msg-1"


@pytest.mark.parametrize(
    "headers",
    [
        replace(GOOD, id="msg-2"),
        replace(GOOD, id=""),
        replace(GOOD, id="msg 1"),
        replace(GOOD, id="m" * 129),
        replace(GOOD, timestamp=""),
        replace(GOOD, timestamp=f"{GOOD.timestamp}.0"),
        replace(GOOD, timestamp=f"+{GOOD.timestamp}"),
        replace(GOOD, timestamp=f"0{GOOD.timestamp}"),
        replace(GOOD, timestamp="١٧٧٢٤٤٢٠٠٠"),
        replace(GOOD, timestamp=str(int(GOOD.timestamp) + 1)),
        replace(GOOD, signature=""),
        replace(GOOD, signature=GOOD.signature.removeprefix("v1,")),
        replace(GOOD, signature=GOOD.signature.replace("v1,", "v1a,")),
        replace(GOOD, signature=GOOD.signature.replace("v1,", "v2,")),
        replace(GOOD, signature=GOOD.signature[:-8]),
        replace(GOOD, signature="v1,"),
        replace(GOOD, signature="v1, " * 400 + GOOD.signature),
        replace(GOOD, signature="v1,AAAA " * 10 + GOOD.signature),
    ],
)
def test_changed_or_missing_headers_are_refused(headers: Headers) -> None:
    with refused("SIGNAL_SIGNATURE"):
        verify(headers, BODY, [KEY], NOW)


@pytest.mark.parametrize("body", [b"", BODY + b" ", b'{"a": 2}', BODY[:-1]])
def test_a_changed_body_is_refused(body: bytes) -> None:
    with refused("SIGNAL_SIGNATURE"):
        verify(GOOD, body, [KEY], NOW)


def test_another_key_is_refused() -> None:
    with refused("SIGNAL_SIGNATURE"):
        verify(GOOD, BODY, [OTHER], NOW)


def test_no_key_verifies_nothing() -> None:
    with refused("SIGNAL_SIGNATURE"):
        verify(GOOD, BODY, [], NOW)


def test_the_border_between_id_and_time_cannot_be_moved() -> None:
    """The signed text a.1.2.B is also that of the id `a`, the time 1 and the body `2.B`."""
    later = str(int(GOOD.timestamp) + 7)
    captured = signed(KEY, BODY, identity=f"msg-1.{later}", at=NOW - timedelta(days=1))
    moved = Headers("msg-1", later, captured.signature)

    assert verification._is_signed(f"msg-1.{later}.{captured.timestamp}.".encode() + BODY, captured.signature, [KEY])
    with refused("SIGNAL_SIGNATURE"):
        verify(captured, BODY, [KEY], NOW - timedelta(days=1))
    assert verify(moved, f"{captured.timestamp}.".encode() + BODY, [KEY], NOW) == "msg-1"


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_within_the_tolerance_it_is_verified(seconds: int) -> None:
    assert verify(GOOD, BODY, [KEY], NOW + timedelta(seconds=seconds)) == "msg-1"


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_beyond_the_tolerance_it_is_stale(seconds: int) -> None:
    with refused("SIGNAL_STALE"):
        verify(GOOD, BODY, [KEY], NOW + timedelta(seconds=seconds))


def test_only_a_valid_signature_learns_that_it_is_stale() -> None:
    with refused("SIGNAL_SIGNATURE"):
        verify(GOOD, BODY, [OTHER], NOW + timedelta(days=1))


def test_every_pair_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def compare(one: bytes, two: bytes) -> bool:
        seen.append((one, two))
        return one == two

    monkeypatch.setattr(hmac, "compare_digest", compare)
    verify(replace(GOOD, signature=f"{GOOD.signature} v1,AAAA"), BODY, [KEY, OTHER], NOW)

    assert len(seen) == 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        KEY.removeprefix("whsec_"),
        "whsec_é",
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        "whsec_" + base64.b64encode(b"k" * 65).decode(),
        KEY + "!",
    ],
)
def test_a_weak_or_malformed_key_is_refused_and_not_shown(text: str) -> None:
    with refused("KEYS_MALFORMED"):
        verification.key_bytes(text)


def test_keys_are_of_32_random_bytes() -> None:
    made = {verification.key_bytes(new_key()) for _ in range(100)}

    assert len(made) == 100
    assert {len(raw) for raw in made} == {32}


@pytest.mark.parametrize("value", [1772442000, "1772442000", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00+01:00"])
def test_a_bodys_time_is_seconds_or_iso(value: object) -> None:
    assert verification.body_time(value) == 1772442000


@pytest.mark.parametrize("value", [None, True, "", "now", "2026-03-02T09:00:00", -5, 1.5, [], "17724420000000"])
def test_a_bodys_time_without_a_zone_or_sense_is_stale(value: object) -> None:
    with refused("SIGNAL_STALE"):
        verification.body_time(value)


@pytest.mark.parametrize("value", [None, 1, "", "whsec_", KEY + " ", KEY[:-1], OTHER, [KEY], {"a": KEY}])
def test_another_secret_is_none(value: object) -> None:
    assert not verification.is_secret(value, [KEY])
    assert verification.is_secret(KEY, [OTHER, KEY])
