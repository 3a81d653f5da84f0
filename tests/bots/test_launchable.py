"""At every launch the key, the signature, the stored bytes and the unpacked files are checked again."""

import os
from pathlib import Path

from django.conf import settings

from apps.bots import services as bots
from apps.bots.store import FileStore
from tests import builders
from tests.builders import BY, Team, refused


def test_a_build_is_unpacked_as_it_was_signed(team: Team) -> None:
    code = builders.push_code(team)

    build = bots.launchable(code)

    assert (build / "bot.py").read_text() == "class Bot: ..."
    assert bots.launchable(code) == build


def test_a_revoked_key_launches_nothing_even_for_a_version_read_before(team: Team) -> None:
    code = builders.push_code(team)
    assert code.signer.revoked_at is None

    bots.revoke_signer(signer=team.signer, **BY)

    with refused("SIGNER_REVOKED"):
        bots.launchable(code)


def test_stored_bytes_that_were_changed_launch_nothing(team: Team) -> None:
    code = builders.push_code(team)
    stored = FileStore(settings.ARTIFACT_ROOT).path(code.artifact_sha256)
    os.chmod(stored, 0o644)
    stored.write_bytes(stored.read_bytes() + b"x")

    with refused("ARTIFACT_DIGEST"):
        bots.launchable(code)

    assert not Path(settings.BUILD_ROOT).exists()


def test_a_lost_artifact_launches_nothing(team: Team) -> None:
    code = builders.push_code(team)
    FileStore(settings.ARTIFACT_ROOT).path(code.artifact_sha256).unlink()

    with refused("ARTIFACT_MISSING"):
        bots.launchable(code)


def test_unpacked_files_that_were_changed_launch_nothing(team: Team) -> None:
    code = builders.push_code(team)
    target = bots.launchable(code) / "bot.py"
    os.chmod(target, 0o644)
    target.write_text("class Bot: stolen = 1")

    with refused("BUILD_TAMPERED"):
        bots.launchable(code)


def test_a_file_put_beside_the_unpacked_ones_launches_nothing(team: Team) -> None:
    code = builders.push_code(team)
    build = bots.launchable(code)
    os.chmod(build, 0o755)
    (build / "sitecustomize.py").write_text("stolen = 1")

    with refused("BUILD_TAMPERED"):
        bots.launchable(code)
