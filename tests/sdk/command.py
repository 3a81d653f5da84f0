"""Running the quarterdeck command inside a test."""

import json
from dataclasses import dataclass
from typing import Any

from quarterdeck.cli import main


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is one JSON document."""
        return json.loads(self.out)


def ran(capsys, *arguments: object) -> Ran:
    """Run a command; wrong usage ends with its code too."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    return Ran(int(code), printed.out, printed.err)
