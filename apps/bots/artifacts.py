"""Artifacts: inspected before they are trusted, unpacked only when still the same."""

import base64
import binascii
import hashlib
import io
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from apps.bots.archive import (
    CHUNK_BYTES,
    ArtifactRefused,
    Member,
    open_checked,
    read_member,
)
from apps.bots.manifest import LOCKFILE, LOCKFILE_BYTES_MAX, TEXT_BYTES_MAX, Contents, Manifest, describe
from apps.common.canonical import canonical

__all__ = [
    "ArtifactRefused",
    "Manifest",
    "digest",
    "inspect",
    "key_id",
    "statement",
    "tree_digest",
    "unpack",
    "verify_signature",
]


def inspect(source: bytes | Path) -> Manifest:
    """What an artifact is, every file read and checked; ArtifactRefused with the rule it breaks.

    Nothing is written; memory stays bounded whatever the archive claims.
    """
    with _opened(source) as handle:
        sha256 = _stream_digest(handle)
        archive, members = open_checked(handle)
        with archive:
            return describe(_read_through(archive, members, sha256, handle.seek(0, io.SEEK_END)))


def digest(path: Path) -> str:
    """The hex SHA-256 of a file."""
    with path.open("rb") as handle:
        return _stream_digest(handle)


def tree_digest(folder: Path) -> str:
    """The digest over the names and contents of a folder's files: Manifest.tree_sha256 when untouched.

    ArtifactRefused for a link or special file in it.
    """
    digests = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            digests[path.relative_to(folder).as_posix()] = digest(path)
        elif not stat.S_ISDIR(mode):
            raise ArtifactRefused("ARTIFACT_SPECIAL_FILE", f"{path.name!r} is a link or special file.")
    return _tree_digest(digests)


def statement(*, artifact_sha256: str, name: str, version: str, git_sha: str) -> bytes:
    """The bytes a signer signs: RFC 8785 canonical JSON of these four."""
    return canonical({"artifact_sha256": artifact_sha256, "git_sha": git_sha, "name": name, "version": version})


def key_id(public_key: bytes) -> str:
    """The first 16 hex digits of the SHA-256 of a raw public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def verify_signature(signed: bytes, signature: str, public_key: bytes) -> None:
    """Return when the base64 Ed25519 signature is the raw key's over these bytes, else ArtifactRefused."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(base64.b64decode(signature, validate=True), signed)
    except (InvalidSignature, binascii.Error, ValueError, TypeError):
        raise ArtifactRefused("SIGNATURE_INVALID", "The signature does not fit artifact and key.") from None


def unpack(path: Path, target: Path, expected_sha256: str) -> Path:
    """Unpack an artifact to the folder target, whole or not at all, files read-only; target.

    The digest is checked on the very bytes that are then unpacked. An existing target is left as it is:
    compare its tree_digest. ArtifactRefused ARTIFACT_DIGEST when the bytes are not the expected ones.
    """
    with path.open("rb") as handle:
        if _stream_digest(handle) != expected_sha256:
            raise ArtifactRefused("ARTIFACT_DIGEST", "The stored bytes are not the ones that were approved.")
        archive, members = open_checked(handle)
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            with archive:
                _write_members(archive, members, staging)
            _publish(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return target


@contextmanager
def _opened(source: bytes | Path) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as handle:
            yield handle
    else:
        yield io.BytesIO(source)


def _stream_digest(handle: BinaryIO) -> str:
    handle.seek(0)
    hasher = hashlib.sha256()
    while chunk := handle.read(CHUNK_BYTES):
        hasher.update(chunk)
    handle.seek(0)
    return hasher.hexdigest()


def _read_through(archive: zipfile.ZipFile, members: list[Member], sha256: str, packed_bytes: int) -> Contents:
    digests, total = {}, 0
    for member in members:
        hasher = hashlib.sha256()
        for chunk in read_member(archive, member):
            hasher.update(chunk)
            total += len(chunk)
        digests[member.name] = hasher.hexdigest()
    by_name = {member.name: member for member in members}

    def read_text(name: str) -> bytes:
        bytes_max = LOCKFILE_BYTES_MAX if name == LOCKFILE else TEXT_BYTES_MAX
        if by_name[name].info.file_size > bytes_max:
            raise ArtifactRefused("ARTIFACT_TOO_LARGE", f"{name} is larger than {bytes_max} bytes.")
        return b"".join(read_member(archive, by_name[name]))

    return Contents(sha256, _tree_digest(digests), packed_bytes, total, digests, read_text)


def _tree_digest(digests: dict[str, str]) -> str:
    return hashlib.sha256(canonical(digests)).hexdigest()


def _write_members(archive: zipfile.ZipFile, members: list[Member], folder: Path) -> None:
    for member in members:
        path = folder / member.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as out:
            for chunk in read_member(archive, member):
                out.write(chunk)
        path.chmod(0o444)


def _publish(staging: Path, target: Path) -> None:
    """Rename into place; another worker that was faster has published the same bytes."""
    for folder in (path for path in staging.rglob("*") if path.is_dir()):
        folder.chmod(0o755)
    staging.chmod(0o755)
    try:
        os.rename(staging, target)
    except OSError:
        if not target.is_dir():
            raise
