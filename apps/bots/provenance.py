"""Provenance of a build: a DSSE envelope around an in-toto statement with SLSA provenance, judged on plain values.

Formats: DSSE 1.0 (github.com/secure-systems-lab/dsse, protocol.md and envelope.md), in-toto Statement v1
(in-toto.io/Statement/v1), SLSA Provenance v1 (slsa.dev/spec/v1.0/provenance). No I/O, no database.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from apps.common.canonical import loads_strict
from apps.common.errors import Refused

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
SOURCE_SCHEME = "git+"
ENVELOPE_BYTES_MAX = 64 * 1_024
SIGNATURES_MAX = 10
SUBJECTS_MAX = 20
TEXT_LENGTH_MAX = 500
CLOCK_SKEW = timedelta(seconds=300)


class ProvenanceRefused(Refused):
    """A provenance that does not say what it must, or that nobody trusted says; the code names the rule."""


@dataclass(frozen=True, slots=True)
class Builder:
    """What a desk lets one key attest: builds by one builder, from one repository, from some refs."""

    key_id: str
    public_key: bytes
    builder_id: str
    source_repository: str
    refs: tuple[str, ...]
    is_trusted: bool = True

    def allows(self, ref: str) -> bool:
        """Whether it may build from a ref: named whole, or below a pattern that ends with `/*`."""
        return any(ref == known or (known.endswith("/*") and _is_below(ref, known[:-1])) for known in self.refs)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a statement says of a build."""

    builder_id: str
    source_repository: str
    ref: str
    git_sha: str
    build_type: str
    started_at: datetime
    finished_at: datetime

    def facts(self, key_id: str) -> dict[str, str]:
        """As it is stored and shown."""
        return {
            "builder_id": self.builder_id,
            "source_repository": self.source_repository,
            "ref": self.ref,
            "git_sha": self.git_sha,
            "build_type": self.build_type,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
            "key_id": key_id,
        }


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def judge(
    envelope: Any, *, artifact_sha256: str, git_sha: str, builders: Sequence[Builder], now: datetime
) -> tuple[Builder, dict[str, str]]:
    """The builder whose provenance of this artifact the envelope is, and the facts that it attests.

    Raises ProvenanceRefused: PROVENANCE_MALFORMED, _TOO_LARGE, _PAYLOAD_TYPE, _KEY_UNKNOWN, _KEY_REVOKED, _SIGNATURE,
    _PREDICATE, _SUBJECT, _BUILDER, _SOURCE, _REF, _COMMIT, _TIMES or _FUTURE.
    """
    payload, signatures = _open(envelope)
    trusted = _signers_of(payload, signatures, builders)
    claims = _read(payload, artifact_sha256)
    builder = _entitled(claims, trusted)
    if claims.git_sha != git_sha:
        raise _refused("COMMIT", f"it was built from the commit {claims.git_sha:.40}, pushed as {git_sha}")
    _check_times(claims, now)
    return builder, claims.facts(builder.key_id)


def _open(envelope: Any) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Payload and (key id or "", signature) pairs of an envelope of the right kind."""
    if len(json.dumps(envelope)) > ENVELOPE_BYTES_MAX:
        raise _refused("TOO_LARGE", f"an envelope has at most {ENVELOPE_BYTES_MAX} bytes")
    listed = _at(envelope, "signatures")
    if not isinstance(listed, list) or not 0 < len(listed) <= SIGNATURES_MAX:
        raise _refused("MALFORMED", f"an envelope has 1 to {SIGNATURES_MAX} signatures")
    if envelope.get("payloadType") != PAYLOAD_TYPE:
        raise _refused("PAYLOAD_TYPE", f"payloadType must be {PAYLOAD_TYPE}")
    signatures = []
    for one in listed:
        if not isinstance(one, dict) or not isinstance(one.get("keyid", ""), str):
            raise _refused("MALFORMED", "a signature is an object with keyid and sig")
        signatures.append((one.get("keyid", ""), _bytes(one.get("sig"), "sig")))
    return _bytes(envelope.get("payload"), "payload"), signatures


def _signers_of(payload: bytes, signatures: list[tuple[str, bytes]], builders: Sequence[Builder]) -> list[Builder]:
    """The trusted builders with whose key the payload is signed. A key id is only a hint (DSSE protocol.md)."""
    signed, known, revoked = pae(PAYLOAD_TYPE, payload), False, False
    found = []
    for builder in builders:
        for key_id, signature in signatures:
            if key_id not in ("", builder.key_id):
                continue
            known = True
            if _is_signed(signed, signature, builder.public_key):
                revoked = revoked or not builder.is_trusted
                found += [builder] if builder.is_trusted else []
    if found:
        return found
    if revoked:
        raise _refused("KEY_REVOKED", "the key that signed the provenance is not trusted any more")
    if not known:
        raise _refused("KEY_UNKNOWN", "the desk trusts none of the keys that signed the provenance")
    raise _refused("SIGNATURE", "the signature does not fit the provenance and the key")


def _read(payload: bytes, artifact_sha256: str) -> Claims:
    try:
        statement = loads_strict(payload.decode())  # else json would take UTF-16 too
    except (ValueError, RecursionError) as error:
        raise _refused("MALFORMED", f"the statement is not acceptable JSON: {error}") from None
    if _at(statement, "_type") != STATEMENT_TYPE or _at(statement, "predicateType") != PREDICATE_TYPE:
        raise _refused("PREDICATE", f"it must be {STATEMENT_TYPE} with the predicate {PREDICATE_TYPE}")
    _check_subject(_at(statement, "subject"), artifact_sha256)
    run, definition = _at(statement, "predicate", "runDetails"), _at(statement, "predicate", "buildDefinition")
    repository, ref, git_sha = _source(_at(definition, "resolvedDependencies"))
    return Claims(
        builder_id=_text(_at(run, "builder", "id"), "builder.id"),
        source_repository=repository,
        ref=ref,
        git_sha=git_sha,
        build_type=_text(_at(definition, "buildType"), "buildType"),
        started_at=_time(_at(run, "metadata", "startedOn"), "startedOn"),
        finished_at=_time(_at(run, "metadata", "finishedOn"), "finishedOn"),
    )


def _check_subject(subjects: Any, artifact_sha256: str) -> None:
    if not isinstance(subjects, list) or not 0 < len(subjects) <= SUBJECTS_MAX:
        raise _refused("MALFORMED", f"a statement has 1 to {SUBJECTS_MAX} subjects")
    if artifact_sha256 not in [_at(subject, "digest", "sha256") for subject in subjects]:
        raise _refused("SUBJECT", "the provenance is of another artifact")


def _source(dependencies: Any) -> tuple[str, str, str]:
    """Repository, ref and commit of the one source among the resolved dependencies: `git+<uri>@<ref>`."""
    listed = dependencies if isinstance(dependencies, list) else []
    uris = [(_at(one, "uri"), _at(one, "digest", "gitCommit")) for one in listed]
    sources = [(uri, sha) for uri, sha in uris if isinstance(uri, str) and uri.startswith(SOURCE_SCHEME)]
    if len(sources) != 1:
        raise _refused("MALFORMED", "resolvedDependencies must hold exactly one source, git+<repository>@<ref>")
    uri, sha = sources[0]
    repository, _, ref = uri.removeprefix(SOURCE_SCHEME).rpartition("@")
    return _text(repository, "the source's repository"), _text(ref, "the source's ref"), _text(sha, "gitCommit")


def _entitled(claims: Claims, trusted: list[Builder]) -> Builder:
    """The first of the builders that may attest what is claimed."""
    rules: tuple[tuple[str, str, Callable[[Builder], bool]], ...] = (
        ("BUILDER", claims.builder_id, lambda one: one.builder_id == claims.builder_id),
        ("SOURCE", claims.source_repository, lambda one: one.source_repository == claims.source_repository),
        ("REF", claims.ref, lambda one: one.allows(claims.ref)),
    )
    for code, claimed, holds in rules:
        trusted = [one for one in trusted if holds(one)]
        if not trusted:
            raise _refused(code, f"the desk does not trust that key for {claimed:.200}")
    return trusted[0]


def _check_times(claims: Claims, now: datetime) -> None:
    if claims.started_at > claims.finished_at:
        raise _refused("TIMES", "the build ended before it began")
    if claims.finished_at > now + CLOCK_SKEW:
        raise _refused("FUTURE", "the build ended in the future: check the clock of the CI")


def _is_signed(signed: bytes, signature: bytes, public_key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_below(ref: str, folder: str) -> bool:
    return ref.startswith(folder) and len(ref) > len(folder)


def _at(value: Any, *names: str) -> Any:
    """What lies below these names, or None."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_LENGTH_MAX or not value.isprintable():
        raise _refused("MALFORMED", f"{name} is missing or no plain text of at most {TEXT_LENGTH_MAX} characters")
    return value


def _time(value: Any, name: str) -> datetime:
    """A moment of RFC 3339, which has a zone."""
    try:
        moment = datetime.fromisoformat(_text(value, name))
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _refused("MALFORMED", f"{name} must be a time like 2026-01-31T12:00:00Z") from None


def _bytes(value: Any, name: str) -> bytes:
    """Base64, in the standard alphabet or the one for URLs (DSSE envelope.md allows both)."""
    try:
        if not isinstance(value, str):
            raise ValueError("no text")
        return base64.b64decode(value.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        raise _refused("MALFORMED", f"{name} must be base64") from None


def _refused(code: str, message: str) -> ProvenanceRefused:
    return ProvenanceRefused(f"PROVENANCE_{code}", message)
