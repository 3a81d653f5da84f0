"""What the person at the terminal sees: steps with elapsed time, and the lines that matter."""

import json
import re
import sys
import threading
import time
from collections import deque
from typing import TextIO

LINES_MAX = 6
LINE_CHARACTERS_MAX = 500
WINDOW_SECONDS = 10.0
NAME_WIDTH = 14


class Terminal:
    """Prefixed, timed lines; safe to use from the threads that read the children's output."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._start = time.monotonic()
        self._lock = threading.Lock()

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the product was started."""
        return time.monotonic() - self._start

    def say(self, name: str, text: str) -> None:
        """Print one line on behalf of a part of the product."""
        line = f"[{self.elapsed_seconds:6.1f} s] {name:<{NAME_WIDTH}} {text}\n"
        with self._lock:
            self._write(line)

    def banner(self, lines: list[str]) -> None:
        """Print lines that stand out."""
        with self._lock:
            self._write("\n" + "".join(f"    {line}\n" for line in lines) + "\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (BrokenPipeError, ValueError):
            pass  # nobody reads us any more; the logs still have it


class Filter:
    """Lets a child's notable lines through to the terminal, a bounded number at a time."""

    def __init__(self, terminal: Terminal, name: str, notable: re.Pattern[str] | None, *, log_name: str) -> None:
        self._terminal = terminal
        self._name = name
        self._notable = notable  # None: every line, without a bound
        self._log_name = log_name
        self._shown: deque[float] = deque()

    def offer(self, line: str) -> None:
        """Show the line if it is notable and there is room for it."""
        if self._notable is None:
            self._terminal.say(self._name, readable(line))
            return
        if not self._notable.search(line):
            return
        now = time.monotonic()
        while self._shown and self._shown[0] < now - WINDOW_SECONDS:
            self._shown.popleft()
        self._shown.append(now)
        if len(self._shown) <= LINES_MAX:
            self._terminal.say(self._name, readable(line))
        elif len(self._shown) == LINES_MAX + 1:
            self._terminal.say(self._name, f"… more of this in {self._log_name}")


def readable(line: str) -> str:
    """A JSON log line as a sentence, any other line as it is; both within a bound."""
    return _sentence(line)[:LINE_CHARACTERS_MAX]


def _sentence(line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict):
        return line
    text = str(record.get("event") or record.get("message") or line).strip()
    trouble = str(record.get("exception") or "").strip()
    parts = (str(record.get("level", "")).upper(), text.partition("\n")[0], trouble.rpartition("\n")[2])
    return " ".join(part for part in parts if part)
