"""Artifacts come out the same everywhere, and signatures verify."""

import base64
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from quarterdeck.build import build, build_bytes
from quarterdeck.sign import SigningKey, sign, statement

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "btc_trend"
FIELDS = {"artifact_sha256": "ab" * 32, "name": "btc-trend", "version": "1.0.0", "git_sha": "cd" * 20}


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(EXAMPLE, tmp_path / "bot"))


def test_the_same_files_give_the_same_bytes(folder):
    before = build_bytes(folder)
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)

    assert build_bytes(folder) == before == build_bytes(EXAMPLE)


def test_the_artifact_holds_code_schema_and_lockfile_only(folder):
    (folder / ".secret").write_text("no")
    (folder / "__pycache__").mkdir(exist_ok=True)
    (folder / "__pycache__" / "x.pyc").write_bytes(b"")

    with zipfile.ZipFile(build(folder)) as archive:
        assert archive.namelist() == [
            "README.md",
            "bot.toml",
            "btc_trend.py",
            "parameters.schema.json",
            "requirements.lock",
        ]


def test_building_twice_does_not_pack_the_first_build(folder):
    first = build(folder).read_bytes()

    assert build(folder).read_bytes() == first


@pytest.mark.parametrize("name", ["bot.toml", "parameters.schema.json", "requirements.lock"])
def test_a_missing_part_is_named(folder, name):
    (folder / name).unlink()

    with pytest.raises(ValueError, match=name):
        build(folder)


def test_a_link_is_not_packed(folder):
    (folder / "link.py").symlink_to("/etc/passwd")

    with pytest.raises(ValueError, match="link"):
        build(folder)


def test_signature_verifies_with_the_public_key():
    key = SigningKey.generate()

    signed = sign(key, **FIELDS)

    public = Ed25519PublicKey.from_public_bytes(key.public_bytes)
    public.verify(base64.b64decode(signed["signature"]), statement(**FIELDS))
    assert signed["key_id"] == hashlib.sha256(key.public_bytes).hexdigest()[:16]


def test_key_survives_its_file():
    key = SigningKey.generate()

    assert SigningKey.from_pem(key.to_pem()).public_bytes == key.public_bytes


@given(st.fixed_dictionaries({name: st.text(st.characters(codec="utf-8")) for name in FIELDS}))
def test_statement_is_canonical_json(fields):
    assert statement(**fields) == rfc8785.dumps(fields)
