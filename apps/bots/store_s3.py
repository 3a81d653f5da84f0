"""Artifacts in an S3-compatible object store. Keys come from the environment as boto3 reads it, never from a table."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from apps.bots.archive import CHUNK_BYTES, PACKED_BYTES_MAX
from apps.bots.store import changed, copy_checked, file_sha256, key_of, missing
from apps.common.errors import Unavailable

TIMEOUT_S = 10
ATTEMPTS_MAX = 3
PART_BYTES = 8 * 1_048_576
_GONE = {"404", "NoSuchKey", "NotFound"}


class S3Store:
    """Artifacts as objects of a bucket, below a prefix."""

    def __init__(self, bucket: str, prefix: str, endpoint: str | None) -> None:
        self.bucket, self.prefix = bucket, prefix
        config = Config(
            connect_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
            retries={"total_max_attempts": ATTEMPTS_MAX, "mode": "standard"},
        )
        # A session of its own: boto3's default one is shared between threads and is not made for that.
        self.client: Any = boto3.session.Session().client("s3", endpoint_url=endpoint, config=config)
        # One thread and small parts: what is held in memory stays one part.
        self.transfer = TransferConfig(
            multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False
        )

    def put(self, source: Path, sha256: str) -> None:
        """Upload exactly the bytes of the digest: a private copy is hashed, and that copy is sent."""
        with _scratch() as scratch:
            copy = Path(scratch) / "artifact"
            copy_checked(source, copy, sha256)
            try:
                self.client.upload_file(str(copy), self.bucket, self._key(sha256), Config=self.transfer)
            except (BotoCoreError, ClientError, boto3.exceptions.Boto3Error, OSError) as error:
                raise _unavailable(error) from error

    @contextmanager
    def taken(self, sha256: str) -> Iterator[Path]:
        """The object in a temporary file, checked."""
        with _scratch() as scratch:
            path = Path(scratch) / "artifact"
            self._download(sha256, path)
            if file_sha256(path) != sha256:
                raise changed(sha256)
            yield path

    def _download(self, sha256: str, path: Path) -> None:
        """Write the object to `path`, but never more than an artifact can be."""
        total = 0
        try:
            body = self.client.get_object(Bucket=self.bucket, Key=self._key(sha256))["Body"]
            with body, path.open("wb") as out:
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    total += len(chunk)
                    if total > PACKED_BYTES_MAX:
                        raise changed(sha256)
                    out.write(chunk)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _GONE:
                raise missing(sha256) from error
            raise _unavailable(error) from error
        except (BotoCoreError, OSError) as error:
            raise _unavailable(error) from error

    def _key(self, sha256: str) -> str:
        return f"{self.prefix}/{key_of(sha256)}" if self.prefix else key_of(sha256)


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder where uploads lie too: on disk, large enough for an artifact."""
    settings.INCOMING_ROOT.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="artifact-", dir=settings.INCOMING_ROOT)


def _unavailable(error: Exception) -> Unavailable:
    """The store did not answer, or refused us: its words may hold addresses, so only their kind is told."""
    return Unavailable(
        "ARTIFACT_STORE_UNAVAILABLE", f"the artifact store did not do it ({type(error).__name__}): ask again later"
    )
