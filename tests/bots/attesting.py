"""A CI that a desk trusts, and what it says of builds: right, or wrong in one place."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quarterdeck.sign import SigningKey, attest, provenance

from apps.access.models import Desk
from apps.bots import artifacts
from apps.bots import services as bots
from apps.bots.models import TrustedBuilder
from apps.bots.provenance import Builder
from tests.builders import BY, GIT_SHA

BUILDER_ID = "https://ci.example/builders/release@v1"
REPOSITORY = "https://git.example/alpha/bots"
REF = "refs/heads/main"
TRUSTED: dict[str, Any] = {
    "builder_id": BUILDER_ID,
    "source_repository": REPOSITORY,
    "refs": [REF, "refs/tags/*"],
}


@dataclass
class Ci:
    """A CI's key and the row by which a desk trusts it."""

    key: SigningKey
    builder: TrustedBuilder

    def envelope(self, path: Path, **changes: Any) -> dict[str, Any]:
        """The signed provenance of an artifact; `changes` override what it says."""
        return attest(self.key, statement(artifacts.digest(path), **changes))


def as_trusted(key: SigningKey, **overrides: Any) -> Builder:
    """The CI of a key as the rules take it."""
    fields = {"key_id": key.key_id, "public_key": key.public_bytes} | TRUSTED | overrides
    return Builder(**(fields | {"refs": tuple(fields["refs"])}))


def public(key: SigningKey) -> str:
    """The public key as a desk takes it."""
    return base64.b64encode(key.public_bytes).decode()


def trust_ci(desk: Desk, **overrides: Any) -> Ci:
    """A new CI that the desk trusts."""
    key = overrides.pop("key", None) or SigningKey.generate()
    builder = bots.trust_builder(desk=desk, name="release CI", public_key=public(key), **(TRUSTED | overrides), **BY)
    return Ci(key, builder)


def statement(sha256: str, **changes: Any) -> dict[str, Any]:
    """What the CI says of the artifact of a digest."""
    finished = datetime.now(UTC) - timedelta(minutes=1)
    fields = {
        "artifact_name": "bot.zip",
        "artifact_sha256": sha256,
        "builder_id": BUILDER_ID,
        "source_repository": REPOSITORY,
        "ref": REF,
        "git_sha": GIT_SHA,
        "started_at": finished - timedelta(minutes=3),
        "finished_at": finished,
    }
    return provenance(**(fields | changes))


def sealed(key: SigningKey, payload: bytes, payload_type: str = "application/vnd.in-toto+json") -> dict[str, Any]:
    """A well-signed envelope around whatever bytes."""
    signed = b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(payload), payload)
    return {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key.key_id, "sig": base64.b64encode(key.private.sign(signed)).decode()}],
    }


def resealed(key: SigningKey, said: dict[str, Any]) -> dict[str, Any]:
    """A well-signed envelope around a statement as it stands."""
    return sealed(key, json.dumps(said).encode())


def forged_bill() -> dict[str, Any]:
    """A valid bill of materials that lists what no lockfile here pins."""
    one = {"type": "library", "name": "left-pad", "version": "1.0", "purl": "pkg:pypi/left-pad@1.0"}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [one]}
