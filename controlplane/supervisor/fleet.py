"""The supervisor: brings the product up in order, keeps it up, and takes all of it down."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from controlplane.processes import Command
from controlplane.supervisor import logs
from controlplane.supervisor.children import Child
from controlplane.supervisor.installation import Installation
from controlplane.supervisor.keeper import Keeper
from controlplane.supervisor.terminal import Terminal

TICK_SECONDS = 0.05
STOP_SECONDS_MAX = 10.0
KILL_SECONDS_MAX = 5.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SERVER_NAMES = ("postgres", "redis")


class StopRequested(Exception):
    """A person or the system asked us to end."""


class Fleet:
    """All children of one installation."""

    def __init__(
        self, installation: Installation, terminal: Terminal, *, stop_seconds_max: float = STOP_SECONDS_MAX
    ) -> None:
        self.installation = installation
        self.terminal = terminal
        self.stop_seconds_max = stop_seconds_max
        self.children: list[Child] = []
        self.ready = False
        self._stops_asked = 0
        self._keeper = Keeper()

    def install_signal_handlers(self) -> None:
        """From here on INT, TERM and HUP end the product in good order; a second one at once."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_stop_signal)

    def add(self, command: Command, *, notable: re.Pattern[str] | None = logs.TROUBLE, once: bool = False) -> Child:
        """Start a command and supervise it from now on; its `notable` lines (None: all) are shown."""
        log = logs.open_log(self.installation.var, command.name, self.terminal, notable)
        child = Child(command, log, self._keeper, lambda text: self.terminal.say(command.name, text), once=once)
        child.start()
        self.children.append(child)
        self._record()
        return child

    def add_server(self, command: Command) -> subprocess.Popen[bytes]:
        """Start an embedded server; used while it comes up, before the watch begins."""
        self.terminal.say(command.name, f"starting on port {command.port}")
        process = self.add(command, notable=logs.SERVER_TROUBLE).process
        assert process is not None
        return process

    def wait_until(self, condition: Callable[[], bool], *, seconds_max: float) -> bool:
        """Watch the children until the condition holds; False when it took too long."""
        deadline = time.monotonic() + seconds_max
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.watch_once()
        return True

    def watch_once(self) -> None:
        """Look after every child once; raises StopRequested when we were asked to end."""
        if self._stops_asked:
            raise StopRequested
        changes = [child.tick() for child in self.children]
        if any(changes):
            self._record()
        time.sleep(TICK_SECONDS)

    def watch(self) -> None:
        """Keep everything running until asked to end."""
        while True:
            self.watch_once()

    def stop(self) -> None:
        """End everything, the servers last; bounded, and nothing is left running."""
        product = [child for child in self.children if child.name not in SERVER_NAMES]
        embedded = [child for child in self.children if child.name in SERVER_NAMES]
        for group in (product, embedded):
            self._stop(group)
        self._keeper.close()
        self.installation.clear()

    def _stop(self, group: list[Child]) -> None:
        for child in group:
            child.ask_to_stop()
        if self._wait_stopped(group, self.stop_seconds_max, impatient=True):
            return
        for child in group:
            if not child.has_stopped():
                self.terminal.say(child.name, "did not end in time; killing it")
                child.kill()
        self._wait_stopped(group, KILL_SECONDS_MAX, impatient=False)

    def _wait_stopped(self, group: list[Child], seconds_max: float, *, impatient: bool) -> bool:
        deadline = time.monotonic() + seconds_max
        while not all(child.has_stopped() for child in group):
            if time.monotonic() > deadline or (impatient and self._stops_asked > 1):
                return False
            time.sleep(TICK_SECONDS)
        return True

    def _on_stop_signal(self, number: int, frame: object) -> None:
        self._stops_asked += 1

    def _record(self) -> None:
        self.installation.write_state({child.name: _summary(child) for child in self.children}, ready=self.ready)

    def mark_ready(self) -> None:
        """Record that the product answers."""
        self.ready = True
        self._record()


def _summary(child: Child) -> dict[str, Any]:
    return {
        "pid": child.pid,
        "port": child.command.port,
        "state": child.state,
        "restarts": child.restarts,
        "exit_code": child.exit_code,
    }
