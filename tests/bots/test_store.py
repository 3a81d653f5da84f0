"""The store keeps artifacts under their digests: on disk, and in S3 over real HTTP, by the same rules."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from apps.bots import services as bots
from apps.bots import store as stores
from apps.bots import store_s3
from apps.bots.models import CodeVersion
from apps.bots.store import FileStore, Store, key_of
from apps.bots.store_s3 import S3Store
from controlplane.embedded.ports import free_port
from tests import builders
from tests.builders import Team, refused

CONTENT = b"an artifact, as far as a store cares" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()
BUCKET = "builds"


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """The address of an S3 server on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the server, with an empty bucket; keys stand in the environment, as the product reads them."""
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    client = boto3.session.Session().client("s3", endpoint_url=s3_url)
    client.create_bucket(Bucket=BUCKET)
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    return client


@pytest.fixture(params=["files", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each kind of store, empty."""
    if request.param == "files":
        return FileStore(tmp_path / "store")
    request.getfixturevalue("s3")
    return S3Store(BUCKET, "team", request.getfixturevalue("s3_url"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to keep."""
    path = tmp_path / "source.zip"
    path.write_bytes(CONTENT)
    return path


def change(kept: Store, content: bytes | None) -> None:
    """Replace what the store holds under the digest behind its back, or remove it."""
    if isinstance(kept, FileStore):
        kept.path(SHA).unlink()
        if content is not None:
            kept.path(SHA).write_bytes(content)
    elif isinstance(kept, S3Store):
        name = {"Bucket": BUCKET, "Key": f"team/{key_of(SHA)}"}
        kept.client.put_object(**name, Body=content) if content is not None else kept.client.delete_object(**name)


def test_what_is_kept_comes_back_the_same(kept: Store, source: Path) -> None:
    kept.put(source, SHA)

    with kept.taken(SHA) as path:
        assert path.read_bytes() == CONTENT


def test_other_bytes_than_were_named_are_not_kept(kept: Store, source: Path) -> None:
    other = hashlib.sha256(b"other").hexdigest()

    with refused("ARTIFACT_DIGEST"):
        kept.put(source, other)

    with refused("ARTIFACT_MISSING"), kept.taken(other):
        pass


@pytest.mark.parametrize(("content", "code"), [(CONTENT + b"x", "ARTIFACT_DIGEST"), (None, "ARTIFACT_MISSING")])
def test_what_was_changed_or_lost_never_comes_out(kept: Store, source: Path, content: bytes | None, code: str) -> None:
    kept.put(source, SHA)
    change(kept, content)

    with refused(code), kept.taken(SHA):
        pass


def test_the_same_bytes_twice_are_one_file(tmp_path: Path, source: Path) -> None:
    kept = FileStore(tmp_path / "store")

    kept.put(source, SHA)
    kept.put(source, SHA)

    assert [path.name for path in kept.root.rglob("*") if path.is_file()] == [f"{SHA}.zip"]


def test_the_same_bytes_twice_are_one_object(s3: Any, s3_url: str, source: Path) -> None:
    kept = S3Store(BUCKET, "", s3_url)

    kept.put(source, SHA)
    kept.put(source, SHA)

    assert [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [key_of(SHA)]


def test_an_object_larger_than_an_artifact_is_not_read_to_its_end(
    s3: Any, s3_url: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = S3Store(BUCKET, "", s3_url)
    kept.put(source, SHA)
    monkeypatch.setattr(store_s3, "PACKED_BYTES_MAX", 100)

    with refused("ARTIFACT_DIGEST"), kept.taken(SHA):
        pass


def test_a_store_that_does_not_answer_has_its_own_code(s3: Any, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_s3, "ATTEMPTS_MAX", 1)
    gone = S3Store(BUCKET, "", f"http://127.0.0.1:{free_port()}")

    with refused("ARTIFACT_STORE_UNAVAILABLE"):
        gone.put(source, SHA)
    with refused("ARTIFACT_STORE_UNAVAILABLE"), gone.taken(SHA):
        pass


def test_too_large_a_file_leaves_nothing_behind(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PACKED_BYTES_MAX", 10)
    kept = FileStore(tmp_path / "store")

    with refused("ARTIFACT_TOO_LARGE"):
        kept.put(source, SHA)

    assert not [path for path in kept.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "A" * 64, "g" * 64, "a" * 63])
def test_only_a_digest_names_a_place_in_the_store(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        FileStore(tmp_path).path(sha256)


def test_a_build_is_pushed_and_launched_from_s3(team: Team, s3: Any, s3_url: str, settings: Settings) -> None:
    settings.ARTIFACT_STORE, settings.ARTIFACT_S3_ENDPOINT = f"s3://{BUCKET}/desk", s3_url

    build = bots.launchable(builders.push_code(team))

    assert (build / "bot.py").read_text() == "class Bot: ..."
    assert [found["Key"][:5] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["desk/"]
    assert not list(Path(settings.ARTIFACT_ROOT).rglob("*.zip"))


def test_a_push_that_the_store_does_not_take_is_no_version(
    team: Team, s3: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_s3, "ATTEMPTS_MAX", 1)
    settings.ARTIFACT_STORE, settings.ARTIFACT_S3_ENDPOINT = f"s3://{BUCKET}", f"http://127.0.0.1:{free_port()}"

    with refused("ARTIFACT_STORE_UNAVAILABLE"):
        builders.push_code(team)

    assert not CodeVersion.objects.exists()
