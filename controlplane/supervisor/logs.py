"""Children's output: into bounded log files, the notable lines to the terminal too."""

import logging
import logging.handlers
import re
import threading
from pathlib import Path
from typing import IO

from controlplane.supervisor.terminal import Filter, Terminal

FILE_BYTES_MAX = 5_000_000
OLD_FILES_MAX = 3
LINE_BYTES_MAX = 64_000
TROUBLE = re.compile(r'\b(ERROR|CRITICAL|FATAL|PANIC)\b|"level": ?"(error|critical)"')
# A database that starts or stops refuses its clients in these words; that is no trouble of its own.
SERVER_TROUBLE = re.compile(r"\bPANIC\b|\bFATAL: (?!.*(starting up|shutting down|administrator command))")


class Log:
    """The log file of one child, kept across its restarts."""

    def __init__(self, path: Path, filter_: Filter) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._filter = filter_
        self._file = logging.handlers.RotatingFileHandler(
            path, maxBytes=FILE_BYTES_MAX, backupCount=OLD_FILES_MAX, delay=True, errors="replace"
        )

    def follow(self, stream: IO[bytes]) -> threading.Thread:
        """Read the stream in a thread of its own until everyone who writes to it is gone."""
        reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        reader.start()
        return reader

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while raw := stream.readline(LINE_BYTES_MAX):
                line = raw.decode(errors="replace").rstrip()
                self._file.handle(logging.makeLogRecord({"msg": line, "levelno": logging.INFO}))
                if line:
                    self._filter.offer(line)


def open_log(folder: Path, name: str, terminal: Terminal, notable: re.Pattern[str] | None) -> Log:
    """The log of the named child under the installation's `log` folder."""
    path = folder / "log" / f"{name}.log"
    return Log(path, Filter(terminal, name, notable, log_name=f"{folder.name}/log/{name}.log"))
