"""One supervised process: started, started again when it dies, stopped within a bound."""

import enum
import signal
import subprocess
import time
from collections.abc import Callable

from controlplane.processes import Command, signal_group, spawn
from controlplane.supervisor.keeper import Keeper
from controlplane.supervisor.logs import Log

BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_MAX_SECONDS = 15.0
STEADY_SECONDS = 20.0  # a child that lived this long starts over with the shortest wait


class State(enum.StrEnum):
    """Where a child stands."""

    RUNNING = "running"
    WAITING = "waiting"  # died; will be started again
    ENDED = "ended"  # stopped, or a one-shot that is through


class Child:
    """Keeps one command running; `once` makes it a one-shot that is never started again."""

    def __init__(
        self,
        command: Command,
        log: Log,
        keeper: Keeper,
        say: Callable[[str], None],
        *,
        once: bool = False,
    ) -> None:
        self.command = command
        self.log = log
        self.once = once
        self.state = State.ENDED
        self.restarts = 0
        self.exit_code: int | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self._keeper = keeper
        self._say = say
        self._backoff_seconds = BACKOFF_FIRST_SECONDS
        self._started_at = 0.0
        self._due_at = 0.0

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid if self.process and self.state is State.RUNNING else None

    def start(self) -> None:
        """Start it now. Main thread only."""
        self.process = spawn(self.command, subprocess.PIPE)
        self._keeper.guard(self.process.pid, self.command.orphan_signal)
        assert self.process.stdout is not None
        self._reader = self.log.follow(self.process.stdout)
        self._started_at = time.monotonic()
        self.state = State.RUNNING

    def tick(self) -> bool:
        """Notice a death, or start again when the wait is over; True when something changed."""
        if self.state is State.RUNNING and self._has_ended():
            self._after_death()
            return True
        if self.state is State.WAITING and time.monotonic() >= self._due_at:
            self.restarts += 1
            self._restart()
            return True
        return False

    def ask_to_stop(self) -> None:
        """Ask it to end in good order; it will not be started again."""
        if self.state is State.RUNNING and self.process:
            self.process.send_signal(self.command.stop_signal)
        elif self.state is State.WAITING:
            self.state = State.ENDED

    def has_stopped(self) -> bool:
        """Whether it has ended; also ends what it left behind in its process group."""
        if self.state is State.RUNNING and self._has_ended():
            self.state = State.ENDED
        return self.state is not State.RUNNING

    def kill(self) -> None:
        """End it and its whole process group at once."""
        if self.process and self.state is State.RUNNING:
            signal_group(self.process.pid, signal.SIGKILL)

    def _restart(self) -> None:
        try:
            self.start()
        except Exception as error:  # whatever it is, the other children go on and this one is tried again
            self._say(f"could not be started: {error}")
            self._wait_before_next_start()

    def _has_ended(self) -> bool:
        assert self.process is not None
        self.exit_code = self.process.poll()
        if self.exit_code is None:
            return False
        signal_group(self.process.pid, self.command.orphan_signal)
        self._keeper.release(self.process.pid)
        self._reader.join(timeout=1.0)
        return True

    def _after_death(self) -> None:
        if self.once:
            self.state = State.ENDED
            took = time.monotonic() - self._started_at
            self._say(f"done in {took:.1f} s" if self.exit_code == 0 else describe_exit(self.exit_code))
            return
        if time.monotonic() - self._started_at > STEADY_SECONDS:
            self._backoff_seconds = BACKOFF_FIRST_SECONDS
        self._say(f"ended ({describe_exit(self.exit_code)}); starting it again in {self._backoff_seconds:g} s")
        self._wait_before_next_start()

    def _wait_before_next_start(self) -> None:
        self._due_at = time.monotonic() + self._backoff_seconds
        self._backoff_seconds = min(self._backoff_seconds * 2, BACKOFF_MAX_SECONDS)
        self.state = State.WAITING


def describe_exit(code: int | None) -> str:
    """How a process ended, in words."""
    if code is not None and code < 0:
        return f"killed by signal {-code}"
    return f"exit code {code}"
