"""Published keys (RFC 7517): which of them may sign what we believe, and reading what they signed (RFC 7515)."""

import json
from typing import Any

import jwt

from apps.common.api.parsers import check_storable
from apps.common.errors import DomainError, Invalid

KEYS_MAX = 100
RSA_BITS_MIN = 2048
# (kty, crv) -> the one algorithm that such a key verifies: what a token's header says never chooses it.
ALGORITHMS: dict[tuple[Any, Any], str] = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
TOKEN_CHARS_MAX = 16_384


class Unbelievable(DomainError):
    """A subject token that is not believed; `error` is what RFC 6749 section 5.2 calls it."""

    status = 400

    def __init__(self, code: str, message: str, *, error: str = "invalid_request") -> None:
        super().__init__(code, message)
        self.error = error


def usable(document: Any) -> dict[str, jwt.PyJWK]:
    """Key id -> public key, of those that may sign: of other kinds, for other uses or too short are left out."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, jwt.PyJWK] = {}
    for item in listed[:KEYS_MAX] if isinstance(listed, list) else []:
        key = _usable(item)
        if key is not None and key.key_id not in found:
            found[str(key.key_id)] = key
    return found


def check_pinned(document: Any) -> dict[str, Any]:
    """The key set that a trust may pin, without anything beside its keys.

    Raises Invalid TRUST_KEYS_PRIVATE when there is more than a public key in it, TRUST_KEYS_INVALID when none fits.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise Invalid("TRUST_KEYS_INVALID", f'a key set is {{"keys": [...]}} with at most {KEYS_MAX} keys')
    if any(isinstance(item, dict) and PRIVATE & set(item) for item in listed):
        raise Invalid("TRUST_KEYS_PRIVATE", "a private or shared key is in the set: give the public keys only")
    if not usable(document):
        raise Invalid("TRUST_KEYS_INVALID", "no key of the set can be used: RSA from 2048 bits, P-256 or Ed25519")
    return {"keys": listed}


def read_unverified(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims before anything is verified: only to find out whose keys to ask for.

    Raises Unbelievable SUBJECT_TOKEN_MALFORMED, SUBJECT_TOKEN_ALGORITHM.
    """
    if len(text) > TOKEN_CHARS_MAX:
        raise Unbelievable("SUBJECT_TOKEN_MALFORMED", f"the token is longer than {TOKEN_CHARS_MAX} characters")
    try:
        parts = jwt.PyJWS().decode_complete(text, options={"verify_signature": False})
        claims = _claims(parts["payload"])
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unbelievable("SUBJECT_TOKEN_MALFORMED", "this is no signed JWT with an object of claims") from None
    header = dict(parts["header"])
    if header.get("alg") not in ALGORITHMS.values():
        accepted = ", ".join(ALGORITHMS.values())
        raise Unbelievable("SUBJECT_TOKEN_ALGORITHM", f"the token must be signed with one of {accepted}")
    return header, claims


def read(text: str, header: dict[str, Any], keys: dict[str, jwt.PyJWK]) -> dict[str, Any]:
    """The claims that one of `keys` has signed, by the algorithm of that key.

    Raises Unbelievable SUBJECT_TOKEN_KEY_UNKNOWN, SUBJECT_TOKEN_ALGORITHM, SUBJECT_TOKEN_SIGNATURE.
    """
    key = keys.get(header["kid"]) if isinstance(header.get("kid"), str) else None
    if key is None:
        raise Unbelievable("SUBJECT_TOKEN_KEY_UNKNOWN", "the issuer does not publish the key that signed the token")
    if key.algorithm_name != header["alg"]:
        raise Unbelievable("SUBJECT_TOKEN_ALGORITHM", "the token names another algorithm than its key has")
    try:
        return _claims(jwt.PyJWS().decode_complete(text, key, algorithms=[key.algorithm_name])["payload"])
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unbelievable("SUBJECT_TOKEN_SIGNATURE", "the signature of the token does not hold") from None


def _claims(payload: bytes) -> dict[str, Any]:
    found = json.loads(payload, object_pairs_hook=_unique)
    if not isinstance(found, dict):
        raise ValueError("claims are an object")
    check_storable(found)
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a claim occurs twice")
    return found


def _usable(item: Any) -> jwt.PyJWK | None:
    if not isinstance(item, dict) or not isinstance(item.get("kid"), str) or item.get("use", "sig") != "sig":
        return None
    kind = (item.get("kty"), item.get("crv"))
    algorithm = ALGORITHMS.get(kind) if all(isinstance(part, str | None) for part in kind) else None
    if algorithm is None or item.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK({name: item[name] for name in item if name not in PRIVATE}, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return key if getattr(key.key, "key_size", RSA_BITS_MIN) >= RSA_BITS_MIN or algorithm != "RS256" else None
