"""register, push, promote and rollback against a stand-in platform."""

import shutil
import subprocess
from pathlib import Path

import pytest
from quarterdeck.sign import SigningKey

from tests.sdk.command import ran
from tests.sdk.platform import problem

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "btc_dips"
BOT = {
    "id": "b", "name": "btc-dips", "strategy_name": "s", "owner_name": "o", "fallback_owner_name": "f", "symbols": [],
    "accounts": [], "scope": "scope-b", "stage": "research",
}  # fmt: skip
RELEASE = {"id": "r", "number": 3, "build_id": "f" * 64, "code_version": "c", "parameter_set": "p"}
SHA = "a" * 40


def promotion(state, **changes):
    return {
        "id": "x", "number": 7, "bot_name": "btc-dips", "release": "r", "build_id": "f" * 64,
        "account_name": "paper-fx", "stage": "simulated_execution", "environment": "paper", "capital": "10000",
        "state": state, "outcome": "", "digest": "d", "expires_at": "later",
    } | changes  # fmt: skip


def gate(kind, state, **changes):
    return {
        "id": kind, "kind": kind, "state": state, "progress_percent": 100, "message": "", "valid_until": None,
    } | changes  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A bot's folder with a key beside it."""
    made = Path(shutil.copytree(EXAMPLE, tmp_path / "bot"))
    (tmp_path / "key.pem").write_bytes(SigningKey.generate().to_pem())
    return made


@pytest.fixture
def pushable(at_platform):
    """A platform that takes everything that is pushed."""
    at_platform.on("POST code-versions/", {"id": "c", "bot": "b", "version": "1.0.0", "artifact_sha256": "e" * 64})
    at_platform.on("POST config-bundles/", {"id": "k", "number": 1})
    at_platform.on("POST parameter-sets/", {"id": "p", "number": 1})
    at_platform.on("POST releases/", RELEASE)
    return at_platform


def push(capsys, folder, *options):
    return ran(capsys, "push", folder, "--key", folder.parent / "key.pem", *options)


def test_a_push_sends_three_parts_and_makes_the_release(capsys, folder, pushable):
    done = push(capsys, folder, "--git-sha", SHA, "--json")

    assert (done.code, done.json["release"], done.json["build_id"]) == (0, "r", "f" * 64)
    assert b'name="signature"' in pushable.got("POST code-versions/")[0].body
    assert pushable.got("POST config-bundles/")[0].json["content"]["feed"] == "btc-usd-1h"
    made = pushable.got("POST releases/")[0].json
    assert made == {"bot": "b", "reason": "", "code_version": "c", "config_bundle": "k", "parameter_set": "p"}


def test_a_refused_artifact_pushes_nothing_more(capsys, folder, pushable):
    pushable.on("POST code-versions/", problem(409, "SIGNER_UNKNOWN", "desk FX does not trust the key"))

    done = push(capsys, folder, "--git-sha", SHA)

    assert (done.code, done.out) == (1, "")
    assert "SIGNER_UNKNOWN: desk FX does not trust the key" in done.err
    assert [asked.path for asked in pushable.asked] == ["code-versions/"]


def test_what_is_pushed_is_of_a_commit(capsys, folder, pushable):
    done = push(capsys, folder)

    assert (done.code, pushable.asked) == (2, [])
    assert "--git-sha" in done.err


def test_what_is_not_committed_is_not_pushed(capsys, folder, pushable):
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    (folder / "btc_dips.py").write_text("changed")

    done = push(capsys, folder)

    assert (done.code, pushable.asked) == (2, [])
    assert "btc_dips.py" in done.err


def test_a_push_that_waits_ends_with_one_when_a_gate_fails(capsys, folder, pushable):
    pushable.lists("policies/", {"gates": ["config_lint", "backtest"]})
    pushable.on("POST releases/r/gates/", [])
    running = {"results": [gate("config_lint", "passed"), gate("backtest", "running")], "next": None}
    failed = gate("backtest", "failed", message="drawdown 0.7 exceeds 0.6")
    pushable.on("GET gates/", running, {"results": [gate("config_lint", "passed"), failed], "next": None})

    done = push(capsys, folder, "--git-sha", SHA, "--wait")

    assert done.code == 1
    assert "backtest: failed. drawdown 0.7 exceeds 0.6" in done.err
    assert "config_lint" not in done.err


def test_gates_that_are_reported_from_outside_are_not_waited_for(capsys, folder, pushable):
    pushable.lists("policies/", {"gates": ["config_lint", "unit"]})
    pushable.on("POST releases/r/gates/", [])
    pushable.lists("gates/", gate("config_lint", "passed", reporter="worker"), gate("unit", "pending", reporter="ci"))

    done = push(capsys, folder, "--git-sha", SHA, "--wait")

    assert done.code == 0
    assert "to be reported from outside: unit" in done.err


def test_a_new_bot_is_made_with_its_strategy(capsys, folder, at_platform):
    at_platform.lists("bots/")
    at_platform.lists("strategies/")
    at_platform.on("POST strategies/", {})
    at_platform.on("POST bots/", BOT)

    done = ran(capsys, "register", folder, "--json")

    assert (done.code, done.json["is_new"]) == (0, True)
    assert at_platform.got("POST bots/")[0].json == {
        "name": "btc-dips",
        "symbols": ["BTC-USD"],
        "accounts": ["paper-fx"],
        "strategy": "Btc dips",
        "owner": "bob",
        "fallback_owner": "fay",
    }


def test_a_bot_that_is_there_is_left_as_it_is(capsys, folder, at_platform):
    at_platform.lists("bots/", BOT)

    assert ran(capsys, "register", folder, "--json").json["is_new"] is False
    assert [asked.method for asked in at_platform.asked] == ["GET"]


@pytest.fixture
def promotable(at_platform):
    """A platform with a bot and a release."""
    at_platform.lists("bots/", BOT)
    at_platform.lists("releases/", RELEASE)
    at_platform.on("POST promotions/", promotion("gating"))
    return at_platform


def promote(capsys, folder, *options):
    return ran(capsys, "promote", "--folder", folder, "--reason", "why", *options)


def test_a_promotion_takes_what_is_left_open_from_the_folder(capsys, folder, promotable):
    done = promote(capsys, folder, "--yes", "--json")

    assert (done.code, done.json["state"]) == (0, "gating")
    assert promotable.got("POST promotions/")[0].json == {
        "account": "paper-fx",
        "capital": "10000",
        "stage": "simulated_execution",
        "environment": "paper",
        "release": "r",
        "reason": "why",
    }


def test_a_promotion_is_not_asked_for_without_a_yes(capsys, folder, promotable):
    done = promote(capsys, folder)

    assert (done.code, promotable.got("POST promotions/")) == (2, [])
    assert "--yes" in done.err


def test_a_promotion_is_followed_until_it_is_applied(capsys, folder, promotable):
    promotable.on("GET promotions/x/", promotion("gating"), promotion("voting"), promotion("applied"))

    done = promote(capsys, folder, "--yes", "--wait", "applied")

    assert done.code == 0
    assert "voting: it needs a person's vote" in done.err


def test_a_promotion_that_ends_elsewhere_ends_the_command_with_one(capsys, folder, promotable):
    promotable.on("GET promotions/x/", promotion("voting"), promotion("denied", outcome="denied: too early"))

    done = promote(capsys, folder, "--yes", "--wait", "applied", "--json")

    assert (done.code, done.json["error"]["details"]) == (1, ["denied: too early"])


def test_waiting_has_an_end(capsys, folder, promotable):
    promotable.on("GET promotions/x/", promotion("voting"))

    done = promote(capsys, folder, "--yes", "--wait", "applied", "--timeout-m", "0.001")

    assert done.code == 5
    assert "it may still come" in done.err


def rollback(capsys, folder):
    return ran(capsys, "rollback", "--folder", folder, "--reason", "worse", "--yes")


def test_a_rollback_asks_for_what_ran_before_and_says_that_a_vote_comes(capsys, folder, promotable):
    other = promotion("applied", release="other", account_name="elsewhere")
    promotable.lists(
        "promotions/", promotion("applied", release="new"), other, promotion("applied", release="old", capital="500")
    )
    promotable.on("GET releases/old/", RELEASE | {"id": "old"})

    done = rollback(capsys, folder)

    body = promotable.got("POST promotions/")[0].json
    assert (done.code, body["release"], body["capital"], body["account"]) == (0, "old", "500", "paper-fx")
    assert "vote come first" in done.err


def test_where_nothing_ran_before_there_is_no_rollback(capsys, folder, promotable):
    promotable.lists("promotions/", promotion("applied"), promotion("applied"))

    assert rollback(capsys, folder).code == 1
    assert promotable.got("POST promotions/") == []
