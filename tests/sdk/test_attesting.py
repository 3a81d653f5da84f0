"""What a build in CI attests of itself is what the platform judges; a push sends it with the bill of materials."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from quarterdeck.sign import SigningKey

from apps.bots.provenance import Builder, judge
from tests.sdk.command import ran

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "btc_dips"
SHA = "a" * 40
CI = "https://ci.example/builder"
GITHUB = {
    "GITHUB_SERVER_URL": "https://git.example",
    "GITHUB_REPOSITORY": "team/bot",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": SHA,
}
GITLAB = {"CI_PROJECT_URL": "https://git.example/team/bot", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": SHA}


@pytest.fixture
def key(tmp_path):
    """CI's key, in a file."""
    made = SigningKey.generate()
    (tmp_path / "ci.pem").write_bytes(made.to_pem())
    return made


@pytest.fixture
def folder(tmp_path):
    """A bot's folder."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "bot"))


def build(capsys, folder, *options):
    artifact = folder.parent / "bot.zip"
    return ran(capsys, "build", folder, "-o", artifact, "--attest-key", folder.parent / "ci.pem", "--json", *options)


@pytest.mark.parametrize("says", [GITHUB, GITLAB], ids=["github", "gitlab"])
def test_what_ci_attests_is_what_the_platform_judges(capsys, monkeypatch, folder, key, says):
    for name, value in says.items():
        monkeypatch.setenv(name, value)
    trusted = Builder(key.key_id, key.public_bytes, CI, "https://git.example/team/bot", ("refs/heads/main",))

    began = datetime.now(UTC)
    made = build(capsys, folder, "--builder-id", CI).json
    envelope = json.loads(Path(made["provenance"]).read_text())

    _, facts = judge(envelope, artifact_sha256=made["sha256"], git_sha=SHA, builders=[trusted], now=datetime.now(UTC))
    times = [datetime.fromisoformat(facts[name]) for name in ("started_at", "finished_at")]
    assert began - timedelta(seconds=1) <= times[0] <= times[1] <= datetime.now(UTC)


def test_a_build_without_a_builder_attests_nothing(capsys, folder, key):
    done = build(capsys, folder)

    assert done.code == 2
    assert "--builder-id" in done.err
    assert list(folder.parent.glob("*.provenance.json")) == []


def test_outside_of_ci_the_repository_is_asked_for(capsys, folder, key):
    done = build(capsys, folder, "--builder-id", CI, "--git-sha", SHA)

    assert done.code == 2
    assert "--repository" in done.err


def test_a_push_sends_the_provenance_and_a_bill_of_materials(capsys, folder, key, at_platform):
    at_platform.on("POST code-versions/", {"id": "c", "bot": "b", "version": "1.0.0", "artifact_sha256": "e" * 64})
    (folder.parent / "key.pem").write_bytes(SigningKey.generate().to_pem())
    (folder.parent / "said.json").write_text('{"payloadType": "x"}')

    ran(
        capsys, "push", folder, "--key", folder.parent / "key.pem", "--git-sha", SHA,
        "--provenance", folder.parent / "said.json",
    )  # fmt: skip

    sent = at_platform.got("POST code-versions/")[0].body
    assert b'{"payloadType": "x"}' in sent
    assert b'"bomFormat": "CycloneDX"' in sent
