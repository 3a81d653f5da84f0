"""Where artifacts are kept, each under its own digest: on a file system, or in an S3-compatible store by setting.

Same bytes twice are one object. Whoever takes one out gets the bytes of the digest or a refusal, never others.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.bots.archive import CHUNK_BYTES, PACKED_BYTES_MAX, ArtifactRefused

_HEX_DIGITS = frozenset("0123456789abcdef")


class Store(Protocol):
    """What keeps artifacts."""

    def put(self, source: Path, sha256: str) -> None:
        """Keep a file's bytes; ArtifactRefused ARTIFACT_DIGEST when they are not those of `sha256`."""

    def taken(self, sha256: str) -> AbstractContextManager[Path]:
        """A file with the bytes of `sha256`, checked, for as long as the block lasts.

        ArtifactRefused ARTIFACT_MISSING or ARTIFACT_DIGEST; Unavailable ARTIFACT_STORE_UNAVAILABLE.
        """


def store() -> Store:
    """The store that the settings name: ARTIFACT_STORE is empty, or `s3://bucket/prefix`."""
    if not settings.ARTIFACT_STORE:
        return FileStore(settings.ARTIFACT_ROOT)
    named = urlsplit(settings.ARTIFACT_STORE)
    if named.scheme != "s3" or not named.netloc:
        raise ImproperlyConfigured("ARTIFACT_STORE must be empty or s3://bucket/prefix")
    from apps.bots.store_s3 import S3Store  # its library is large and only needed here

    return S3Store(named.netloc, named.path.strip("/"), settings.ARTIFACT_S3_ENDPOINT or None)


class FileStore:
    """Artifacts below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, source: Path, sha256: str) -> None:
        """Copy a file into place, whole or not at all."""
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".incoming-", dir=self.root)
        os.close(descriptor)
        try:
            copy_checked(source, Path(name), sha256)
            os.chmod(name, 0o444)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @contextmanager
    def taken(self, sha256: str) -> Iterator[Path]:
        """The stored file itself, read through once before."""
        path = self.path(sha256)
        try:
            found = file_sha256(path)
        except FileNotFoundError:
            raise missing(sha256) from None
        if found != sha256:
            raise changed(sha256)
        yield path

    def path(self, sha256: str) -> Path:
        """Where the artifact of a digest lies, whether or not it is there; ValueError for no digest."""
        return self.root / key_of(sha256)


def key_of(sha256: str) -> str:
    """The name of an artifact below a store's root; ValueError for what is no digest."""
    if len(sha256) != 64 or not set(sha256) <= _HEX_DIGITS:
        raise ValueError("not a SHA-256 in lower-case hex")
    return f"{sha256[:2]}/{sha256}.zip"


def copy_checked(source: Path, target: Path, sha256: str) -> None:
    """Copy a file durably; ArtifactRefused ARTIFACT_DIGEST when the bytes that were copied are others."""
    hasher, total = hashlib.sha256(), 0
    with source.open("rb") as stream, target.open("wb") as out:
        while chunk := stream.read(CHUNK_BYTES):
            total += len(chunk)
            if total > PACKED_BYTES_MAX:
                raise ArtifactRefused("ARTIFACT_TOO_LARGE", f"The artifact is larger than {PACKED_BYTES_MAX} bytes.")
            hasher.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if hasher.hexdigest() != sha256:
        raise ArtifactRefused("ARTIFACT_DIGEST", "The artifact changed while it was read.")


def file_sha256(path: Path) -> str:
    """The hex SHA-256 of a file."""
    hasher = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def missing(sha256: str) -> ArtifactRefused:
    """What is not in the store."""
    return ArtifactRefused("ARTIFACT_MISSING", f"The artifact {sha256[:12]} is not in the store.")


def changed(sha256: str) -> ArtifactRefused:
    """What is in the store under a digest that is not its own."""
    return ArtifactRefused("ARTIFACT_DIGEST", f"The stored bytes of {sha256[:12]} are not the ones that were approved.")
