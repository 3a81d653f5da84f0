"""Envelopes with one fault each, by name: how to make it from a key and a true statement, and the code it must get."""

import base64
import json
from collections.abc import Callable
from typing import Any

from quarterdeck.sign import PAYLOAD_TYPE, SigningKey, attest

from tests.bots.attesting import sealed


def plainly_signed(key: SigningKey, payload: bytes) -> dict[str, str]:
    """A signature over the payload itself, not over its encoding."""
    return {"keyid": key.key_id, "sig": base64.b64encode(key.private.sign(payload)).decode()}


ENVELOPES: dict[str, tuple[Callable[[SigningKey, dict[str, Any]], Any], str]] = {
    "empty": (lambda key, said: {}, "PROVENANCE_MALFORMED"),
    "unsigned": (lambda key, said: attest(key, said) | {"signatures": []}, "PROVENANCE_MALFORMED"),
    "signatures that are none": (lambda key, said: attest(key, said) | {"signatures": ["x"]}, "PROVENANCE_MALFORMED"),
    "a thousand signatures": (
        lambda key, said: attest(key, said) | {"signatures": attest(key, said)["signatures"] * 1000},
        "PROVENANCE_TOO_LARGE",
    ),
    "eleven signatures": (
        lambda key, said: attest(key, said) | {"signatures": attest(key, said)["signatures"] * 11},
        "PROVENANCE_MALFORMED",
    ),
    "payload that is no base64": (lambda key, said: attest(key, said) | {"payload": "{}"}, "PROVENANCE_MALFORMED"),
    "another payload type": (
        lambda key, said: sealed(key, json.dumps(said).encode(), "application/json"),
        "PROVENANCE_PAYLOAD_TYPE",
    ),
    "payload type swapped after signing": (
        lambda key, said: sealed(key, json.dumps(said).encode(), "text/x") | {"payloadType": PAYLOAD_TYPE},
        "PROVENANCE_SIGNATURE",
    ),
    "payload swapped after signing": (
        lambda key, said: attest(key, {}) | {"payload": attest(key, said)["payload"]},
        "PROVENANCE_SIGNATURE",
    ),
    "signed without the encoding": (
        lambda key, said: attest(key, said) | {"signatures": [plainly_signed(key, json.dumps(said).encode())]},
        "PROVENANCE_SIGNATURE",
    ),
    "a stranger's signature under the key's name": (
        lambda key, said: attest(key, said)
        | {"signatures": [attest(SigningKey.generate(), said)["signatures"][0] | {"keyid": key.key_id}]},
        "PROVENANCE_SIGNATURE",
    ),
    "a stranger's": (lambda key, said: attest(SigningKey.generate(), said), "PROVENANCE_KEY_UNKNOWN"),
    "half a signature": (
        lambda key, said: attest(key, said) | {"signatures": [{"keyid": key.key_id, "sig": "AAAA"}]},
        "PROVENANCE_SIGNATURE",
    ),
    "UTF-16": (lambda key, said: sealed(key, json.dumps(said).encode("utf-16")), "PROVENANCE_MALFORMED"),
    "a byte-order mark": (
        lambda key, said: sealed(key, b"\xef\xbb\xbf" + json.dumps(said).encode()),
        "PROVENANCE_MALFORMED",
    ),
    "a name twice": (
        lambda key, said: sealed(key, json.dumps(said).replace("{", '{"_type": "x", ', 1).encode()),
        "PROVENANCE_MALFORMED",
    ),
    "a bomb": (lambda key, said: sealed(key, b"[" * 20_000), "PROVENANCE_MALFORMED"),
    "a list": (lambda key, said: [attest(key, said)], "PROVENANCE_MALFORMED"),
}  # fmt: skip
