"""How a command fails: one sentence, lines of detail, and the exit code that a script can rely on."""

import re
from collections.abc import Sequence
from enum import IntEnum

# A bearer token of the platform, a JSON Web Token (RFC 7519): neither belongs on a screen or into a log.
_SECRETS = re.compile(r"qd_[0-9A-Za-z]+_[0-9A-Za-z_\-]+|eyJ[0-9A-Za-z_\-]+\.[0-9A-Za-z_\-]+\.[0-9A-Za-z_\-]*")


class ExitCode(IntEnum):
    """What a command ends with."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NOT_ALLOWED = 3
    UNAVAILABLE = 4
    TIMED_OUT = 5
    INTERRUPTED = 130


class Failure(Exception):
    """A command that cannot do what was asked; `code` is the platform's stable code where it gave one."""

    def __init__(self, exit_code: ExitCode, sentence: str, *, code: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
        self.sentence = sentence
        self.code = code
        self.details = list(details)

    def lines(self) -> list[str]:
        """What a person reads: code and sentence, then a line for each detail."""
        first = f"{self.code}: {self.sentence}" if self.code else self.sentence
        return [scrubbed(line) for line in (first, *self.details)]

    def as_json(self) -> dict[str, object]:
        """The same for a program."""
        sentence, *details = self.lines() if not self.code else [scrubbed(self.sentence), *self.lines()[1:]]
        return {"error": {"code": self.code, "message": sentence, "details": details, "exit_code": self.exit_code}}


def refused(sentence: str, *, code: str = "", details: Sequence[str] = ()) -> Failure:
    """The platform, a gate or a vote said no."""
    return Failure(ExitCode.REFUSED, sentence, code=code, details=details)


def usage(sentence: str) -> Failure:
    """The command line, a file or a setting is wrong."""
    return Failure(ExitCode.USAGE, sentence)


def unavailable(sentence: str, *, code: str = "") -> Failure:
    """The platform could not be reached or could not answer."""
    return Failure(ExitCode.UNAVAILABLE, sentence, code=code)


def timed_out(sentence: str) -> Failure:
    """What was waited for did not come in time; it may still come."""
    return Failure(ExitCode.TIMED_OUT, sentence)


def scrubbed(text: str) -> str:
    """The text without anything that looks like a token."""
    return _SECRETS.sub("[token]", text)
