"""Artifacts at rest: stored by digest, unpacked whole and only when unchanged, signatures checked."""

import base64
import os
import stat
import threading

import pytest
from quarterdeck.sign import SigningKey, sign

from apps.bots.artifacts import (
    ArtifactRefused,
    digest,
    inspect,
    key_id,
    statement,
    tree_digest,
    unpack,
    verify_signature,
)
from apps.bots.store import FileStore
from tests.bots.archives import FILES, entry, make_zip

FIELDS = {"artifact_sha256": "ab" * 32, "name": "test-bot", "version": "1.0.0", "git_sha": "cd" * 20}


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "incoming.zip"
    path.write_bytes(make_zip())
    store = FileStore(tmp_path / "store")
    store.put(path, digest(path))
    return store.path(digest(path))


def test_unpacked_files_are_read_only_and_match_the_manifest(stored, tmp_path):
    target = unpack(stored, tmp_path / "builds" / "one", digest(stored))

    assert {path.name: path.read_text() for path in target.iterdir()} == FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in target.iterdir()} == {0o444}
    assert tree_digest(target) == inspect(stored).tree_sha256


def test_stored_bytes_that_changed_are_not_unpacked(stored, tmp_path):
    expected = digest(stored)
    stored.chmod(0o644)
    stored.write_bytes(make_zip(FILES | {"bot.py": "import os"}))

    with pytest.raises(ArtifactRefused) as caught:
        unpack(stored, tmp_path / "builds" / "one", expected)

    assert caught.value.code == "ARTIFACT_DIGEST"
    assert not (tmp_path / "builds").exists()


def test_a_refused_artifact_leaves_no_half_of_itself(tmp_path):
    path = tmp_path / "bad.zip"
    path.write_bytes(make_zip(FILES, (entry("../evil"), "x")))

    with pytest.raises(ArtifactRefused):
        unpack(path, tmp_path / "builds" / "one", digest(path))

    assert not list(tmp_path.glob("builds/*"))
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("change", ["edit", "add", "remove", "link"])
def test_a_changed_build_has_another_tree_digest(stored, tmp_path, change):
    target = unpack(stored, tmp_path / "one", digest(stored))
    expected = inspect(stored).tree_sha256
    if change == "edit":
        (target / "bot.py").chmod(0o644)
        (target / "bot.py").write_text("import os")
    elif change == "add":
        (target / "extra.py").write_text("")
    elif change == "remove":
        (target / "requirements.lock").unlink()
    else:
        (target / "link").symlink_to("/etc/passwd")

    if change == "link":
        with pytest.raises(ArtifactRefused):
            tree_digest(target)
    else:
        assert tree_digest(target) != expected


def test_workers_that_unpack_at_once_all_get_the_whole(stored, tmp_path):
    sha256, target = digest(stored), tmp_path / "builds" / "one"
    barrier, digests = threading.Barrier(8), []

    def work():
        barrier.wait()
        digests.append(tree_digest(unpack(stored, target, sha256)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert digests == [inspect(stored).tree_sha256] * 8
    assert os.listdir(target.parent) == ["one"]


def test_a_signature_of_the_sdk_verifies():
    key = SigningKey.generate()

    signed = sign(key, **FIELDS)

    verify_signature(statement(**FIELDS), signed["signature"], key.public_bytes)
    assert signed["key_id"] == key_id(key.public_bytes)


@pytest.mark.parametrize("field", FIELDS)
def test_a_signature_over_something_else_is_refused(field):
    key = SigningKey.generate()
    signature = sign(key, **FIELDS)["signature"]

    with pytest.raises(ArtifactRefused) as caught:
        verify_signature(statement(**(FIELDS | {field: "other"})), signature, key.public_bytes)

    assert caught.value.code == "SIGNATURE_INVALID"


@pytest.mark.parametrize("signature", ["", "nonsense!", "AAAA", base64.b64encode(b"x" * 64).decode(), "é"])
def test_what_is_no_signature_is_refused(signature):
    with pytest.raises(ArtifactRefused):
        verify_signature(statement(**FIELDS), signature, SigningKey.generate().public_bytes)


def test_another_key_and_no_key_are_refused():
    signature = sign(SigningKey.generate(), **FIELDS)["signature"]

    for public_key in (SigningKey.generate().public_bytes, b"", b"short"):
        with pytest.raises(ArtifactRefused):
            verify_signature(statement(**FIELDS), signature, public_key)
