"""The supervisor restarts what dies and leaves nothing behind, whichever way it ends."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.supervisor.installation import ROOT
from tests.platform.running import (
    group_members,
    is_alive,
    output_of,
    own_environment,
    supervised,
    wait_for,
)


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


def test_killed_child_is_started_again(var: Path) -> None:
    with supervised(var, "steady") as product:
        product.wait_ready()
        first = product.child("steady")["pid"]

        os.kill(first, signal.SIGKILL)

        wait_for(lambda: product.child("steady")["restarts"] == 1)
        assert is_alive(product.child("steady")["pid"])
        assert product.child("steady")["pid"] != first


def test_grandchildren_of_a_killed_child_are_ended_with_it(var: Path) -> None:
    with supervised(var, "parent") as product:
        product.wait_ready()
        first = product.child("parent")["pid"]
        wait_for(lambda: len(group_members(first)) == 2)

        os.kill(first, signal.SIGKILL)

        wait_for(lambda: group_members(first) == [])
        wait_for(lambda: product.child("parent")["restarts"] == 1)


def test_child_that_keeps_dying_is_restarted_with_growing_waits(var: Path) -> None:
    with supervised(var, "crashing") as product:
        wait_for(lambda: product.child("crashing").get("restarts", 0) >= 3)
    shown = output_of(var)
    assert "ended (exit code 3); starting it again in 0.25 s" in shown
    assert "starting it again in 0.5 s" in shown
    assert "starting it again in 1 s" in shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_everything_in_good_order(var: Path, number: signal.Signals) -> None:
    with supervised(var, "steady", "parent") as product:
        product.wait_ready()
        groups = [product.child(name)["pid"] for name in ("steady", "parent")]

        assert product.end(number) == 0

    assert [member for group in groups for member in group_members(group)] == []
    assert not (var / "run" / "state.json").exists()


def test_child_that_ignores_the_signal_is_killed_after_the_grace(var: Path) -> None:
    with supervised(var, "stubborn") as product:
        product.wait_ready()
        pid = product.child("stubborn")["pid"]

        assert product.end() == 0

    assert not is_alive(pid)
    assert "did not end in time; killing it" in output_of(var)


def test_killed_supervisor_leaves_nothing_behind(var: Path) -> None:
    with supervised(var, "steady", "parent", "stubborn") as product:
        product.wait_ready()
        groups = [child["pid"] for child in product.state["children"].values()]
        wait_for(lambda: len(group_members(product.child("parent")["pid"])) == 2)

        product.end(signal.SIGKILL)

        wait_for(lambda: not any(group_members(group) for group in groups))


def test_second_start_is_refused_while_one_runs(var: Path) -> None:
    with supervised(var, "steady") as product:
        product.wait_ready()

        second = _supervisor("run", var)

        assert second.returncode == 1
        assert f"Quarterdeck already runs here (pid {product.process.pid}" in second.stderr
        assert product.child("steady")["restarts"] == 0


def test_stop_ends_the_running_supervisor(var: Path) -> None:
    with supervised(var, "steady") as product:
        product.wait_ready()
        pid = product.child("steady")["pid"]

        stopped = _supervisor("stop", var)

        assert stopped.stdout == "Quarterdeck is stopped.\n"
        assert not is_alive(pid)


def test_stop_without_a_running_supervisor_says_so(var: Path) -> None:
    assert _supervisor("stop", var).stdout == "Quarterdeck is not running here.\n"


def test_pid_file_of_a_killed_supervisor_is_taken_over(var: Path) -> None:
    with supervised(var, "steady") as product:
        product.wait_ready()
        product.end(signal.SIGKILL)

    with supervised(var, "steady") as product:
        wait_for(lambda: product.state.get("pid") == product.process.pid)
        product.wait_ready()


def test_port_in_use_is_refused_with_what_to_do(var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = _supervisor("run", var, PORT=str(port))

    assert refused.returncode == 1
    assert f"Port {port} is already in use" in refused.stderr
    assert "make run PORT=" in refused.stderr


def test_flood_of_errors_is_cut_short_at_the_terminal_and_kept_in_the_log(var: Path) -> None:
    with supervised(var, "chatty") as product:
        product.wait_ready()
        log = var / "log" / "chatty.log"
        wait_for(lambda: log.exists() and log.read_text().count("ERROR") == 100)
        wait_for(lambda: "more of this in var/log/chatty.log" in output_of(var))
    assert output_of(var).count("ERROR") == 6


def test_seed_is_refused_when_the_product_does_not_run(var: Path) -> None:
    refused = _supervisor("manage", var, "seed_demo")

    assert refused.returncode == 1
    assert "Start it first, in another terminal: make run" in refused.stderr


def test_supervisor_imports_no_django() -> None:
    script = "import sys, controlplane.supervisor.__main__; print('django' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout == "False\n"


def test_state_is_readable_by_its_owner_alone(var: Path) -> None:
    with supervised(var, "steady") as product:
        product.wait_ready()
        mode = (var / "run" / "state.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def _supervisor(word: str, var: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "controlplane.supervisor", word, *arguments],
        cwd=ROOT,
        env=own_environment(var) | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
