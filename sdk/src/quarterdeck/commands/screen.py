"""What a command shows: its result on standard output, everything said on the way on standard error."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from quarterdeck.failures import Failure, scrubbed, usage


class Screen:
    """The terminal or the log of a CI job; with `as_json`, standard output holds one JSON document and no more."""

    def __init__(self, *, as_json: bool = False, is_quiet: bool = False) -> None:
        self.as_json = as_json
        self.is_quiet = is_quiet or as_json

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks on: only then are there bars and colours; NO_COLOR takes the colours."""
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def result(self, found: Any) -> None:
        """The outcome of a command; None when it has shown it already."""
        if found is None:
            return
        text = json.dumps(found, indent=2) if self.as_json else "\n".join(_readable(found))
        print(text)

    def say(self, text: str) -> None:
        """A step on the way; nothing with --json or --quiet."""
        if not self.is_quiet:
            print(scrubbed(text), file=sys.stderr, flush=True)

    def secret(self, token: str, told: dict[str, Any]) -> dict[str, Any] | None:
        """A token that somebody asked to see: the one thing that is printed as it is."""
        if self.as_json:
            return told | {"token": token}
        print(token)
        return None

    def preview(self, found: Any) -> None:
        """What a person looks at before they are asked; not the result."""
        print("\n".join(_readable(found)), file=sys.stderr, flush=True)

    def failed(self, failure: Failure) -> None:
        """Why a command ends without success; with --json on standard output too."""
        first, *rest = failure.lines()
        print(f"quarterdeck: {first}", *(f"  {line}" for line in rest), sep="\n", file=sys.stderr)
        if self.as_json:
            print(json.dumps(failure.as_json(), indent=2))

    def agrees(self, question: str, *, is_agreed: bool) -> None:
        """Ask a person; a Failure unless they say yes. Without a terminal nobody can be asked: `--yes` answers."""
        if is_agreed:
            return
        if not sys.stdin.isatty():
            raise usage(f"{question} Nobody can be asked here: say --yes")
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise usage("nothing was done")

    @contextmanager
    def progress(self, what: str) -> Iterator[Any]:
        """A function of (done, total) that draws a bar for a person, and says nothing elsewhere."""
        if not self.is_terminal or self.is_quiet:
            yield lambda done, total: None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bars:
            bar = bars.add_task(what, total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)


def _readable(found: Any, indent: str = "") -> Iterator[str]:
    """Nested results as indented lines."""
    if isinstance(found, dict):
        for name, value in found.items():
            yield from _named(name.replace("_", " "), value, indent)
    elif isinstance(found, list):
        for value in found:
            yield from _named("-", value, indent)
    else:
        yield f"{indent}{_text(found)}"


def _named(name: str, value: Any, indent: str) -> Iterator[str]:
    lead = f"{indent}{name}" if name == "-" else f"{indent}{name}:"
    if isinstance(value, dict | list) and value:
        yield lead
        yield from _readable(value, f"{indent}  ")
    else:
        yield f"{lead} {_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, dict | list) or value is None:
        return "none"
    return scrubbed(str(value).lower() if isinstance(value, bool) else str(value))
