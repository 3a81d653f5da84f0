"""The quarterdeck command: from a folder to a bot that trades, and the way to stop it."""

import argparse
from collections.abc import Sequence

from quarterdeck import __version__
from quarterdeck.commands import (
    backtest,
    declare,
    gates,
    halt,
    init,
    local,
    login,
    promote,
    push,
    register,
    status,
)
from quarterdeck.commands.groups import Commands, Parser, add_output
from quarterdeck.commands.screen import Screen
from quarterdeck.failures import ExitCode, Failure, usage
from quarterdeck.offline import commands as offline

EXITS = """exit codes:
  0 done   1 refused, or a gate failed   2 wrong input   3 not allowed
  4 the platform cannot be reached   5 what was waited for did not come   130 interrupted"""
GROUPS = (init, local, backtest, login, register, push, gates, promote, status, halt, declare)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code, as `--help` lists them. What goes wrong is told in a sentence."""
    options = parser().parse_args(arguments)
    screen = Screen(as_json=options.json, is_quiet=options.quiet)
    try:
        found = options.run(options, screen)
    except KeyboardInterrupt:
        screen.failed(Failure(ExitCode.INTERRUPTED, "interrupted"))
        return ExitCode.INTERRUPTED
    except Failure as failure:
        screen.failed(failure)
        return failure.exit_code
    except (ValueError, OSError, KeyError) as error:
        screen.failed(usage(str(error)))
        return ExitCode.USAGE
    screen.result(found)
    return ExitCode.REFUSED if isinstance(found, dict) and found.get("unconfirmed") else ExitCode.OK


def parser() -> argparse.ArgumentParser:
    """All commands; the checks of example workflows read their lines with it."""
    made = Parser(
        prog="quarterdeck",
        description=__doc__,
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"quarterdeck {__version__}")
    add_output(made)
    commands = Commands(made)
    for group in GROUPS:
        group.add(commands)
    offline.add(commands.group("offline", "act at the venues while the platform is down"))
    return made
