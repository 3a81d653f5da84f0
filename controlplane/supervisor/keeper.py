"""A bystander that ends every child's process group when the supervisor itself is killed.

The kernel's parent-death signal reaches direct children only; a pool process or a web worker is a
grandchild. The supervisor tells this process, over a pipe, which groups exist. When the pipe closes
and groups are still listed, it kills them. Run as a script: it needs the standard library alone.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


class Keeper:
    """The supervisor's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def guard(self, pgid: int, number: int) -> None:
        """End this group with the signal when we die."""
        self._tell(f"+ {pgid} {int(number)}\n")

    def release(self, pgid: int) -> None:
        """The group is gone; its number may be used by others from now on."""
        self._tell(f"- {pgid} 0\n")

    def close(self) -> None:
        """End the bystander; call it last, when every group is gone."""
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):  # without it the parent-death signals still hold
            pipe.write(line.encode())
            pipe.flush()


def keep(lines: Iterable[str]) -> None:
    """Follow the list until the pipe closes, then end what is left on it."""
    guarded: dict[int, int] = {}
    for line in lines:
        act, pgid, number = line.split()
        if act == "+":
            guarded[int(pgid)] = int(number)
        else:
            guarded.pop(int(pgid), None)
    for group, last_signal in guarded.items():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, last_signal)


if __name__ == "__main__":
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, signal.SIG_IGN)
    keep(sys.stdin)
