"""A new bot is whole from the start: it builds, passes its tests, fits the platform, and its workflows can run."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from quarterdeck.build import build_bytes
from quarterdeck.cli import parser

from apps.bots import artifacts, schemas
from tests.sdk.command import ran

ROOT = Path(__file__).resolve().parents[2]
# A pytest without this suite's plugins, which take longer to load than the tests take.
ALONE = os.environ | {"PYTHONPATH": str(ROOT / "sdk" / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
OWNERS = ("--bucket", "Trend", "--owner", "alice", "--fallback-owner", "carol")


@pytest.fixture
def made(capsys, tmp_path, monkeypatch):
    """A new bot's folder."""
    monkeypatch.chdir(tmp_path)
    done = ran(capsys, "init", "dip-buyer", *OWNERS, "--no-git", "--json")
    assert done.code == 0, done.err
    return tmp_path / "dip-buyer"


def test_a_new_bot_passes_its_own_tests(made):
    run = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider", "tests"]

    done = subprocess.run(run, cwd=made, capture_output=True, text=True, check=False, env=ALONE)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_bots_artifact_is_one_that_the_platform_takes(made, tmp_path):
    (tmp_path / "bot.zip").write_bytes(build_bytes(made))

    manifest = artifacts.inspect(tmp_path / "bot.zip")

    assert (manifest.name, manifest.entry_point) == ("dip-buyer", "dip_buyer:DipBuyer")
    assert manifest.file_count == 5


def test_a_new_bots_documents_fit_their_schemas(made):
    schemas.check(yaml.safe_load((made / "config.yaml").read_text()), schemas.CONFIG, "CONFIG_INVALID")
    schema = json.loads((made / "parameters.schema.json").read_text())

    Draft202012Validator(schema).validate(yaml.safe_load((made / "parameters.yaml").read_text()))


def test_nothing_is_left_open_in_a_new_bot(made):
    for path in made.rglob("*"):
        assert path.is_dir() or "<<" not in path.read_text(), path


def test_a_folder_with_something_in_it_is_left_alone(capsys, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")

    done = ran(capsys, "init", "dip-buyer", "--into", tmp_path)

    assert done.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("Dip-Buyer",),
        ("x",),
        ("../dip",),
        ("dip\nbuyer",),
        ("dip-buyer", "--owner", "a\nb"),
        ("dip-buyer", "--strategy", 'x"\ny = "z'),
        ("dip-buyer", "--quantity", "NaN"),
    ],
)
def test_what_would_break_the_files_is_refused(capsys, tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)

    assert ran(capsys, "init", *wrong).code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_new_bot_is_in_a_commit(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "a")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example")

    done = ran(capsys, "init", "dip-buyer", "--json")

    assert re.fullmatch("[0-9a-f]{40}", done.json["commit"])
    status = subprocess.run(["git", "-C", "dip-buyer", "status", "--porcelain"], capture_output=True, check=True)
    assert status.stdout == b""


def steps(text):
    """Every shell line of a workflow: of GitHub's `run` and of GitLab's `script`."""
    data = yaml.safe_load(text)
    jobs = data["jobs"].values() if "jobs" in data else [job for job in data.values() if isinstance(job, dict)]
    for job in jobs:
        for step in [*job.get("steps", []), *job.get("script", [])]:
            yield from (step if isinstance(step, str) else step.get("run", "")).splitlines()


def commands(text):
    """Each call of quarterdeck as its words, whatever is piped into it."""
    for line in steps(text):
        for part in line.split("|"):
            words = shlex.split(part) if "quarterdeck" in part else []
            if words[:1] == ["quarterdeck"]:
                yield words[1:]


WORKFLOWS = (".github/workflows/bot.yml", ".gitlab-ci.yml")


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize("source", ["init", "examples/btc_dips"])
def test_a_workflow_goes_from_sign_in_to_paper_by_commands_that_exist(made, source, workflow):
    text = ((made if source == "init" else ROOT / source) / workflow).read_text()

    parsed = [parser().parse_args(words) for words in commands(text)]

    assert all(callable(one.run) for one in parsed)
    assert [words[0] for words in commands(text)] == ["token", "build", "push", "gate", "promote"]
    assert "python -m pytest tests" in list(steps(text))


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_never_has_the_token_or_the_key_in_a_command(made, workflow):
    for words in commands((made / workflow).read_text()):
        assert not [word for word in words if "TOKEN" in word or "eyJ" in word or "qd_" in word]
