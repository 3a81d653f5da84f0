"""Forged, confused and broken subject tokens: none is believed, and nothing comes of it."""

import base64
import json
from typing import Any

import jwt
import pytest

from tests.access.exchanges import ISSUER, ask, refused
from tests.access.issuer import claims_of, private_key, public_jwk, public_pem


def _unsigned(claims: dict[str, Any], algorithm: str) -> str:
    parts = [{"alg": algorithm, "kid": "one", "typ": "JWT"}, claims]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), ""])


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", ""])
def test_an_unsigned_token_is_not_believed(trust, algorithm):
    refused(ask(_unsigned(claims_of(ISSUER), algorithm)), "SUBJECT_TOKEN_ALGORITHM")


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "RS512", "PS256", "ES384"])
def test_other_algorithms_are_not_believed(trust, algorithm):
    refused(ask(_unsigned(claims_of(ISSUER), algorithm) + "AAAA"), "SUBJECT_TOKEN_ALGORITHM")


def _hmac(claims: dict[str, Any], secret: bytes, kid: str, algorithm: str) -> str:
    head, body, _ = _unsigned(claims, algorithm).replace("one", kid).split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": kid}).encode()).decode().rstrip("=")
    mac = jwt.get_algorithm_by_name("HS256")
    signature = mac.sign(f"{head}.{body}".encode(), secret)  # type: ignore[arg-type]
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("named", "code"), [("HS256", "SUBJECT_TOKEN_ALGORITHM"), ("RS256", "SUBJECT_TOKEN_SIGNATURE")]
)
def test_a_public_key_is_no_shared_secret(trust, named, code):
    text = _hmac(claims_of(ISSUER), public_pem("two", "RSA"), "two", named)

    refused(ask(text), code)


def test_the_key_says_the_algorithm_and_not_the_token(trust):
    confused = jwt.encode(claims_of(ISSUER), private_key("two", "RSA"), "RS256", {"kid": "one"})

    refused(ask(confused), "SUBJECT_TOKEN_ALGORITHM")


def test_a_stranger_with_a_key_of_the_same_name_is_not_believed(trust):
    strange = private_key("stranger")

    refused(ask(jwt.encode(claims_of(ISSUER), strange, "ES256", {"kid": "one"})), "SUBJECT_TOKEN_SIGNATURE")


@pytest.mark.parametrize("kid", ["unknown", None])
def test_a_key_that_is_not_pinned_is_unknown(trust, kid):
    header = {"kid": kid} if kid else {}

    refused(ask(jwt.encode(claims_of(ISSUER), private_key("one"), "ES256", header)), "SUBJECT_TOKEN_KEY_UNKNOWN")


def test_a_key_in_the_token_itself_is_not_looked_at(trust):
    header = {"kid": "mine", "jwk": public_jwk("mine"), "jku": "https://evil.example/jwks"}

    refused(ask(jwt.encode(claims_of(ISSUER), private_key("mine"), "ES256", header)), "SUBJECT_TOKEN_KEY_UNKNOWN")


@pytest.mark.parametrize(
    "text",
    ["x", "a.b", "a.b.c", "....", "e30.e30.", "x" * 20_000, "%00", "%ff%fe", "[" * 9000, "bnVsbA.bnVsbA.bnVsbA"],
)
def test_garbage_is_refused(trust, text):
    answer = ask(text)

    code = {"%ff%fe": "PARSE_ERROR", "e30.e30.": "SUBJECT_TOKEN_ALGORITHM"}.get(text, "SUBJECT_TOKEN_MALFORMED")
    refused(answer, code)


def test_deep_claims_are_refused(trust):
    deep = json.dumps("[").strip('"') * 3000
    part = base64.urlsafe_b64encode(deep.encode()).decode().rstrip("=")
    head = base64.urlsafe_b64encode(b'{"alg":"ES256","kid":"one"}').decode().rstrip("=")

    refused(ask(f"{head}.{part}.AAAA"), "SUBJECT_TOKEN_MALFORMED")


def test_a_claim_that_occurs_twice_is_refused(trust):
    twice = b'{"iss":"https://ci.example","sub":"a","sub":"b"}'
    text = jwt.PyJWS().encode(twice, private_key("one"), "ES256", {"kid": "one"})

    refused(ask(text), "SUBJECT_TOKEN_MALFORMED")
