"""The parent's side: starts a sandboxed child and exchanges lines with it under a deadline."""

import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import quarterdeck
from quarterdeck.protocol import LINE_BYTES_MAX

from apps.common.errors import Unavailable
from apps.runtime.sandbox.limits import SandboxLimits

STDERR_TAIL_BYTES = 4_096
READ_BYTES = 1_048_576
PIPE_BYTES = 1_048_576
BACKLOG_BYTES_MAX = 64 * 1_048_576
WATCH_SECONDS = 0.25
_PROJECT_DIR = Path(__file__).resolve().parents[3]
_BOOT = (
    "import json, sys; config = json.loads(sys.argv[1])\n"
    "sys.path[:0] = [config['sdk_dir'], config['project_dir']]\n"
    "from apps.runtime.sandbox.launcher import main\n"
    "sys.path.remove(config['project_dir']); sys.exit(main(config))"
)


class BotError(Unavailable):
    """A bot's process cannot be used any more; nothing of the slice in hand counts."""


class BotTimeout(BotError):
    """It did not answer within the wall time it has."""


class BotCrashed(BotError):
    """It ended by itself or by a limit."""


class BotProtocolError(BotError):
    """It said something that is not the protocol."""


class BotFailed(BotError):
    """Its own code raised."""


class Child:
    """One sandboxed interpreter with its pipes; belongs to the thread that made it.

    The kernel kills it when that thread ends, so a pool must keep the thread alive as long as the child. While it
    is waited for, `watch` is called every WATCH_SECONDS; what that raises ends the wait.
    """

    def __init__(self, build_dir: Path, limits: SandboxLimits, watch: Callable[[], None] | None = None) -> None:
        self._watch = watch
        self.scratch_dir = tempfile.mkdtemp(prefix="quarterdeck-")
        try:
            self._popen = _spawn(build_dir, self.scratch_dir, limits)
        except OSError as error:
            shutil.rmtree(self.scratch_dir, ignore_errors=True)
            raise BotCrashed("SANDBOX_UNAVAILABLE", f"No process could be started: {error}.") from None
        self.pid = self._popen.pid
        pipes = self._popen.stdin, self._popen.stdout, self._popen.stderr
        self._stdin, self._stdout, self._stderr = (pipe.fileno() for pipe in pipes if pipe is not None)
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._selector.register(self._stderr, selectors.EVENT_READ)
        self._is_writing = False
        self._unsent = bytearray()
        self._lines: deque[bytes] = deque()
        self._partial = b""
        self._backlog_bytes = 0
        self._tail = b""

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def send(self, data: bytes) -> None:
        """Queue lines and write what the pipe takes now."""
        self._unsent += data
        self._write()

    def read_line(self, deadline: float) -> bytes:
        """The child's next line; BotTimeout past the monotonic deadline, BotCrashed when it has ended."""
        while not self._lines:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise BotTimeout("BOT_TIMEOUT", "The bot did not answer in time.", stderr=self.stderr_tail())
            self._wait(remaining)
        line = self._lines.popleft()
        self._backlog_bytes -= len(line)
        return line

    def stderr_tail(self) -> str:
        """The last of what the bot printed."""
        return self._tail.decode(errors="replace")

    def drop_scratch(self) -> None:
        """Remove the host's scratch folder: a worker that is killed later then leaves nothing behind."""
        shutil.rmtree(self.scratch_dir, ignore_errors=True)

    def kill(self) -> None:
        """End the child and forget its scratch folder; safe to call twice."""
        if self._popen.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        self._selector.close()
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()
        self.drop_scratch()

    def _wait(self, seconds_max: float) -> None:
        if self._watch is None:
            self._pump(seconds_max)
            return
        self._pump(min(seconds_max, WATCH_SECONDS))
        self._watch()

    def _pump(self, timeout_seconds: float) -> None:
        for key, _ in self._selector.select(timeout_seconds):
            if key.fd == self._stdin:
                self._write()
            elif key.fd == self._stderr:
                self._drain_stderr()
            else:
                self._read()

    def _write(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: os.write(self._stdin, self._unsent)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent.clear()
        if bool(self._unsent) != self._is_writing:
            self._is_writing = not self._is_writing
            if self._is_writing:
                self._selector.register(self._stdin, selectors.EVENT_WRITE)
            else:
                self._selector.unregister(self._stdin)

    def _read(self) -> None:
        data = os.read(self._stdout, READ_BYTES)
        if not data:
            self._raise_crashed()
        self._backlog_bytes += len(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._lines.extend(lines)
        if len(self._partial) > LINE_BYTES_MAX or self._backlog_bytes > BACKLOG_BYTES_MAX:
            raise BotProtocolError("BOT_PROTOCOL", "The bot said more than the protocol allows.")

    def _drain_stderr(self) -> None:
        data = os.read(self._stderr, READ_BYTES)
        if not data:
            self._selector.unregister(self._stderr)
        self._tail = (self._tail + data)[-STDERR_TAIL_BYTES:]

    def _raise_crashed(self) -> None:
        try:
            status = self._popen.wait(timeout=5)
        except subprocess.TimeoutExpired:
            status = None
        while self._stderr in self._selector.get_map() and self._selector.select(0):
            self._drain_stderr()
        raise BotCrashed("BOT_CRASHED", f"The bot's process ended (status {status}).", stderr=self.stderr_tail())


def _spawn(build_dir: Path, scratch_dir: str, limits: SandboxLimits) -> subprocess.Popen[bytes]:
    config = {
        "build_dir": str(build_dir.resolve()),
        "sdk_dir": str(Path(quarterdeck.__file__).resolve().parents[1]),
        "project_dir": str(_PROJECT_DIR),
        "scratch_dir": os.path.realpath(scratch_dir),
        "parent_pid": os.getpid(),
        "memory_bytes_max": limits.memory_bytes_max,
        "cpu_seconds_max": limits.cpu_seconds_max,
        "files_open_max": limits.files_open_max,
        "file_bytes_max": limits.file_bytes_max,
        "threads_max": limits.threads_max,
    }
    interpreter = getattr(sys, "_base_executable", "") or sys.executable
    process = subprocess.Popen(
        [interpreter, "-I", "-S", "-B", "-X", "utf8", "-c", _BOOT, json.dumps(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env={},
        cwd="/",
        close_fds=True,
        start_new_session=True,
    )
    _widen(process)
    return process


def _widen(process: subprocess.Popen[bytes]) -> None:
    """Larger pipes save context switches in batches; the default does where it is refused."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
            try:
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            except OSError:
                return
