"""The sandbox refuses every attack of the probe bot, and the probe sees it when a wall is missing."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from quarterdeck.messages import encode_event, instrument_fields, to_inputs
from quarterdeck.protocol import decode, encode

from apps.runtime.host import BotCrashed, BotProcess
from apps.runtime.sandbox import probing, process, seccomp
from apps.runtime.sandbox.denied_syscalls import denied
from apps.runtime.sandbox.limits import SandboxReport
from apps.runtime.sandbox.probing import capabilities, probe
from tests.runtime.bots import ROOT

NO_SECCOMP = "import apps.runtime.sandbox.seccomp as s; s.install = refuse"
NO_LANDLOCK = "import apps.runtime.sandbox.landlock as l; l.prepare = refuse"
NO_NAMESPACES = "import apps.runtime.sandbox.namespaces as n; n.enter = lambda: []"


@pytest.fixture
def open_folder():
    """A folder that other users can enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-test-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def without(monkeypatch):
    """Start children in which some walls cannot be raised, as on another kernel."""

    def weaken(*walls):
        boot = "def refuse(*_): raise OSError('not here')\n" + "\n".join(walls) + "\n"
        marker = "sys.path.remove"
        assert marker in process._BOOT
        monkeypatch.setattr(process, "_BOOT", process._BOOT.replace(marker, boot + marker))

    return weaken


def test_the_probe_bot_is_refused_everything():
    result = probe()

    assert result.leaks == []
    assert result.passed
    assert len(result.blocked) >= 29


def test_every_wall_stands_here():
    report = capabilities()

    assert report.missing() == []
    assert report.uid == (os.geteuid() == 0)
    assert report.as_dict()["files"] is True


def test_sockets_and_secrets_of_this_installation_can_be_added(tmp_path):
    secret = tmp_path / "vault.key"
    secret.write_text("x")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.PGSQL.5432"))
        server.listen()

        result = probe(extra_secrets=(secret,), extra_sockets=(tmp_path / "s.PGSQL.5432",))

    names = {line.split(":")[0] for line in result.blocked}
    assert result.passed
    assert {"unix_socket_1", "read_file_4"} <= names


def test_probe_notices_a_missing_system_call_filter(without):
    without(NO_SECCOMP)

    result = probe()

    assert not result.passed
    assert "no wall: sockets" in result.leaks
    assert {"fork", "socketpair"} <= set(result.leaks)


def test_probe_notices_files_that_can_be_read(without):
    without(NO_LANDLOCK, NO_NAMESPACES)

    result = probe()

    assert not result.passed
    assert {"read_file_0", "read_file_1", "list_processes", "no wall: files"} <= set(result.leaks)


def test_landlock_alone_keeps_files_shut(without):
    without(NO_NAMESPACES)

    result = probe()

    assert "mount_namespace" not in result.report.measures
    assert result.passed, result.leaks


def test_a_root_of_its_own_alone_keeps_files_shut(without):
    without(NO_LANDLOCK)

    result = probe()

    assert "landlock" not in result.report.measures
    assert result.passed, result.leaks


def test_a_sandbox_that_cannot_start_has_not_passed(monkeypatch, tmp_path):
    monkeypatch.setattr(probing, "PROBE_DIR", tmp_path)

    result = probe()

    assert not result.passed
    assert "not started" in result.leaks[0]


def test_the_attacks_work_where_nothing_stops_them(tmp_path):
    """Without a sandbox the probe gets through: its attacks are real."""
    build = shutil.copytree(probing.PROBE_DIR, tmp_path / "probe")
    with probing._targets((), ()) as parameters:
        start = {
            "parameters": parameters | {"memory_bytes": 1, "writable_folders": [str(tmp_path)]},
            "instruments": [instrument_fields(probing._INSTRUMENT)],
            "checkpoint": None,
            "seed": 0,
        }
        lines = encode("start", start) + encode_event(probing._BAR) + encode("flush", {"id": 1})
        run = [sys.executable, "-m", "quarterdeck.runner", str(build)]
        done = subprocess.run(run, input=lines, capture_output=True, cwd=tmp_path, timeout=30)

    notes = [to_inputs(m) for m in map(decode, done.stdout.splitlines()) if m["type"] == "inputs"]
    outcomes = {name: outcome for note in notes for name, outcome in note.values.items()}
    leaked = {name for name, outcome in outcomes.items() if outcome == "LEAKED"}
    assert {
        *("unix_socket_0", "abstract_socket", "tcp", "socketpair", "read_file_0", "read_file_1"),
        *("write_folder_0", "environ_of_parent", "own_environ", "signal_parent", "fork", "spawn", "exec"),
        *("list_processes", "write_build", "link_out", "memory"),
    } <= leaked


def readable_interpreter():
    """An interpreter that another user may start; None on a machine that has only a private one."""
    base = getattr(sys, "_base_executable", sys.executable)
    shared = [shutil.which(f"python3{minor}", path="/usr/bin:/usr/local/bin") for minor in (".11", ".12", ".13")]
    for path in (base, *shared):
        probe_run = [path or "", "-c", "import asyncio"]
        with contextlib.suppress(OSError):
            if subprocess.run(probe_run, user=1000, group=1000, extra_groups=[], cwd="/").returncode == 0:
                return path
    return None


def test_the_sandbox_holds_for_a_worker_that_is_not_root(open_folder):
    """Root tries it as another user, in a copy that user can read; anyone else simply is that user."""
    interpreter = readable_interpreter() if os.geteuid() == 0 else None
    if interpreter is None:
        assert probe().passed
        return
    for part in ("apps/__init__.py", "apps/common", "apps/runtime", "sdk/src"):
        source, target = ROOT / part, open_folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    for path in open_folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)

    done = subprocess.run(
        [interpreter, "-c", PROBE_AS_OTHER],
        env={"PYTHONPATH": f"{open_folder}:{open_folder / 'sdk/src'}"},
        cwd=open_folder,
        user=1000,
        group=1000,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout.strip() == "True [] False", done.stdout + done.stderr


PROBE_AS_OTHER = """
from apps.runtime.sandbox.probing import probe
result = probe()
print(result.passed, result.leaks, result.report.uid)
"""


def test_report_names_what_is_missing():
    report = SandboxReport.from_measures(["landlock", "rlimits"])

    assert report.missing() == ["network", "sockets", "processes"]


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_filter_is_a_program_the_kernel_would_take(arch):
    program = seccomp.build_program(arch, pid=1)

    assert len(program) < 4_096
    for place, (code, jump_true, jump_false, _) in enumerate(program):
        if code in (seccomp._JUMP_EQUAL, seccomp._JUMP_ABOVE, seccomp._JUMP_BITS):
            assert place + 1 + max(jump_true, jump_false) < len(program)
    assert program[-1] == (seccomp._RETURN, 0, 0, seccomp._ALLOW)


def test_both_tables_refuse_what_matters():
    for arch in ("x86_64", "aarch64"):
        assert {"socket", "connect", "ptrace", "execve", "kill", "unshare", "mount", "bpf"} <= set(denied(arch))
    assert (denied("x86_64")["socket"], denied("aarch64")["socket"]) == (41, 198)


def test_an_interpreter_that_cannot_be_started_is_no_sandbox(monkeypatch):
    monkeypatch.setattr(process.sys, "_base_executable", "/nowhere/python")

    result = probe()

    assert not result.passed
    assert "No process could be started" in result.leaks[0]


def test_no_scratch_folder_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(process.tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o755)

    capabilities()

    assert list(Path(tmp_path).iterdir()) == []


@pytest.mark.parametrize("walls", [(NO_SECCOMP,), (NO_LANDLOCK, NO_NAMESPACES)])
def test_no_bot_starts_where_files_or_sockets_leak(without, walls):
    without(*walls)
    bot = BotProcess(ROOT / "examples/btc_trend", parameters={}, instruments=[], checkpoint=None, seed=0)

    with pytest.raises(BotCrashed) as refused:
        bot.start()

    assert (refused.value.code, bot.is_alive) == ("SANDBOX_UNPROVEN", False)
