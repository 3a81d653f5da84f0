"""Signing an artifact with Ed25519; the only module of the SDK that needs the cryptography package."""

import base64
import hashlib
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


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
