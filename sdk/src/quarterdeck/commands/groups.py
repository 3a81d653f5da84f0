"""How commands are described: a name, a line of help, an example, and what runs."""

import argparse
from collections.abc import Callable
from typing import Any

from quarterdeck.commands.screen import Screen
from quarterdeck.failures import scrubbed

Run = Callable[[argparse.Namespace, Screen], Any]


class Parser(argparse.ArgumentParser):
    """argparse, but a mistyped command line is not repeated with the token that somebody put into it."""

    def error(self, message: str) -> Any:
        """Say what is wrong and end with 2."""
        super().error(scrubbed(message))


class Commands:
    """The commands of one level."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.below = parser.add_subparsers(required=True, metavar="command", parser_class=Parser)

    def add(self, name: str, text: str, run: Run | None, *, example: str = "") -> argparse.ArgumentParser:
        """A command with its line of help and an example; `run` returns what is shown."""
        command: argparse.ArgumentParser = self.below.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"example:\n  {example}" if example else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add_output(command, default=argparse.SUPPRESS)
        if run is not None:
            command.set_defaults(run=run)
        return command

    def group(self, name: str, text: str) -> "Commands":
        """A command that has commands of its own."""
        return Commands(self.add(name, text, None))


def add_output(parser: argparse.ArgumentParser, *, default: Any = False) -> None:
    """--json and --quiet, understood before and behind the command's name."""
    parser.add_argument("--json", action="store_true", default=default, help="one JSON document on standard output")
    parser.add_argument("--quiet", action="store_true", default=default, help="say nothing on the way")
