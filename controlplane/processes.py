"""How the platform starts an operating-system process that cannot outlive it."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Account:
    """The operating-system account a process is lowered to when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """Everything needed to start one process, and to start it again the same way.

    `prepare` runs before every start; `config` is fed to standard input, so that secrets stay off
    the command line. `stop_signal` asks it to end in good order, `orphan_signal` reaches it when
    the process that started it dies.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    account: Account | None = None
    config: str = ""
    port: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    prepare: Callable[[], None] = field(default=lambda: None)


def spawn(command: Command, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own; both output streams go to `output`.

    Call it from the main thread only: the kernel sends the orphan signal when the *thread* that
    started the process ends.
    """
    command.prepare()
    account = command.account
    process = subprocess.Popen(
        command.argv,
        env=dict(command.env),
        cwd=command.cwd,
        stdin=subprocess.PIPE if command.config else subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        process_group=0,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_tie_to_parent(os.getpid(), command.orphan_signal),
    )
    if process.stdin:
        _feed(process.stdin, command.config)
    return process


def signal_group(pgid: int, number: signal.Signals) -> bool:
    """Send a signal to every process of a group; False when nobody is left in it."""
    try:
        os.killpg(pgid, number)
    except ProcessLookupError:
        return False
    return True


def _feed(pipe: IO[bytes], text: str) -> None:
    try:
        pipe.write(text.encode())
        pipe.close()
    except BrokenPipeError:
        pass  # it died at once; whoever waits for it will say so


def _tie_to_parent(parent_pid: int, number: signal.Signals) -> Callable[[], None]:
    def in_child() -> None:
        if sys.platform == "linux":
            _libc.prctl(PR_SET_PDEATHSIG, int(number))
            if os.getppid() != parent_pid:  # it died between fork and prctl
                os._exit(1)

    return in_child
