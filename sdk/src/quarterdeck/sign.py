"""Signing with Ed25519: an artifact, and what a CI says of how it was built; the one module that needs cryptography.

A desk trusts two kinds of keys: one signs builds (`sign`), the other is the CI's own and attests them (`attest`).
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:quarterdeck:build:1"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with the name its signatures carry."""

    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new random key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, data: bytes) -> "SigningKey":
        """The key of an unencrypted PKCS #8 PEM; ValueError when it is not Ed25519."""
        private = serialization.load_pem_private_key(data, password=None)
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError("not an Ed25519 private key")
        return cls(private)

    def to_pem(self) -> bytes:
        """The key as unencrypted PKCS #8 PEM: keep the file to yourself."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def public_bytes(self) -> bytes:
        """The raw 32 bytes of the public key."""
        return self.private.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        """The first 16 hex digits of the SHA-256 of the raw public key."""
        return hashlib.sha256(self.public_bytes).hexdigest()[:16]


def statement(*, artifact_sha256: str, name: str, version: str, git_sha: str) -> bytes:
    """What is signed: the RFC 8785 canonical JSON of these four strings."""
    fields = {"artifact_sha256": artifact_sha256, "git_sha": git_sha, "name": name, "version": version}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(key: SigningKey, *, artifact_sha256: str, name: str, version: str, git_sha: str) -> dict[str, str]:
    """{"key_id", "signature"}: the base64 signature over the statement."""
    signed = statement(artifact_sha256=artifact_sha256, name=name, version=version, git_sha=git_sha)
    return {"key_id": key.key_id, "signature": base64.b64encode(key.private.sign(signed)).decode()}


def provenance(
    *,
    artifact_name: str,
    artifact_sha256: str,
    builder_id: str,
    source_repository: str,
    ref: str,
    git_sha: str,
    started_at: datetime,
    finished_at: datetime,
    build_type: str = BUILD_TYPE,
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An in-toto Statement v1 with SLSA Provenance v1: which builder made the artifact from which commit, and when.

    `source_repository` is a URI without `git+` (https://git.example/team/bot), `ref` a whole ref (refs/tags/v1.2.0).
    ValueError for a time without a zone.
    """
    source = {"uri": f"git+{source_repository}@{ref}", "digest": {"gitCommit": git_sha}}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": artifact_name, "digest": {"sha256": artifact_sha256}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": build_type,
                "externalParameters": parameters or {},
                "resolvedDependencies": [source],
            },
            "runDetails": {
                "builder": {"id": builder_id},
                "metadata": {"startedOn": _rfc3339(started_at), "finishedOn": _rfc3339(finished_at)},
            },
        },
    }


def attest(key: SigningKey, statement: dict[str, Any]) -> dict[str, Any]:
    """The statement in a DSSE envelope, signed: what `push` sends as `provenance`."""
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    signature = key.private.sign(_pre_authentication_encoding(PAYLOAD_TYPE, payload))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key.key_id, "sig": base64.b64encode(signature).decode()}],
    }


def _pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed, by github.com/secure-systems-lab/dsse, protocol.md."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _rfc3339(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("the time of a build needs a zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
