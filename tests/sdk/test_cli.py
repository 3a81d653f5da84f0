"""The quarterdeck command."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from quarterdeck.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/bot.toml"))
RUNS = {
    "btc_dips": ["btcusd_1h.csv", "--taker-fee-bps", "5"],
    "btc_trend": ["btcusd_1h.csv", "--symbol", "BTC-USD", "--taker-fee-bps", "5"],
    "eur_revert": ["eurusd_1h.csv", "--symbol", "EUR-USD", "--tick", "0.00001", "--lot", "1"],
}


def output(capsys, *arguments):
    assert main(["--json", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out)


def test_key_build_and_signature_in_a_row(capsys, tmp_path):
    key, artifact = tmp_path / "key.pem", tmp_path / "bot.zip"

    made = output(capsys, "init-key", key)
    output(capsys, "build", EXAMPLES[0], "-o", artifact)
    signed = output(capsys, "sign", EXAMPLES[0], artifact, "--key", key, "--git-sha", "a" * 40)

    assert signed["key_id"] == made["key_id"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(capsys, tmp_path):
    key = tmp_path / "key.pem"
    key.write_text("precious")

    assert main(["init-key", str(key)]) == 2
    assert key.read_text() == "precious"
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_examples_fill_often_enough_to_be_seen(capsys, folder):
    prices, *options = RUNS[folder.name]

    result = output(capsys, "backtest", folder, ROOT / "data" / prices, *options)

    assert result["rejects"] == 0
    assert 20 <= result["bars"] / result["fills"] <= 60


def test_a_parameter_can_be_set(capsys):
    prices, *options = RUNS["btc_trend"]
    run = ["backtest", ROOT / "examples" / "btc_trend", ROOT / "data" / prices, *options]

    slower = output(capsys, *run, "--set", "slow_bars=200", "--set", "quantity=0.1")

    assert slower["intents"] < output(capsys, *run)["intents"]


@pytest.mark.parametrize("setting", ["speed=1", "slow_bars", "slow_bars=x"])
def test_a_wrong_parameter_is_an_error(capsys, setting):
    prices, *options = RUNS["btc_trend"]
    run = ["backtest", ROOT / "examples" / "btc_trend", ROOT / "data" / prices, *options]

    assert main([str(part) for part in run] + ["--set", setting]) == 2
    assert "quarterdeck:" in capsys.readouterr().err


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_examples_pass_their_own_tests(folder, tmp_path):
    run = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        "/dev/null",
        "-p",
        "no:cacheprovider",
    ]

    env = os.environ | {"PYTHONPATH": str(ROOT / "sdk" / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([*run, str(folder / "tests")], capture_output=True, text=True, cwd=tmp_path, env=env)

    assert done.returncode == 0, done.stdout + done.stderr
