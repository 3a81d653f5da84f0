"""`quarterdeck validate`, `plan`, `apply` and `export`: a bot as one declared document."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarterdeck.commands.connection import add_platform, connected
from quarterdeck.commands.gates import chosen_bot
from quarterdeck.commands.groups import Commands, Run
from quarterdeck.commands.screen import Screen

if TYPE_CHECKING:
    from quarterdeck.client import Client

DOCUMENT, YAML = "quarterdeck.yaml", "application/yaml"


def add(commands: Commands) -> None:
    """validate, plan, apply, export."""
    _add(commands, "validate", "check a bot's declaration; nothing is changed", _validate)
    _add(commands, "plan", "what applying a declaration would change, widened limits first", _plan)
    command = _add(commands, "apply", "make the platform hold what a declaration says", _apply)
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--reason", required=True, help="why; goes into the audit record")
    command = commands.add(
        "export", "the declaration of a bot as it is now", _export, example="quarterdeck export --json"
    )
    command.add_argument("--folder", type=Path, default=Path())
    add_platform(command)


def _add(commands: Commands, name: str, text: str, run: Run) -> argparse.ArgumentParser:
    command = commands.add(name, text, run, example=f"quarterdeck {name} -f {DOCUMENT}")
    command.add_argument("-f", "--file", type=Path, default=Path(DOCUMENT), help=f"the document ({DOCUMENT})")
    command.add_argument("--folder", type=Path, default=Path(), help="the bot's folder (this one)")
    add_platform(command)
    return command


def _validate(options: argparse.Namespace, screen: Screen) -> Any:
    with connected(options) as client:
        return _sent(client, options, "validate")


def _plan(options: argparse.Namespace, screen: Screen) -> Any:
    with connected(options) as client:
        return _sent(client, options, "plan")


def _apply(options: argparse.Namespace, screen: Screen) -> Any:
    """Shows the plan first and asks, unless --yes."""
    with connected(options) as client:
        if not options.yes:
            screen.preview(_sent(client, options, "plan"))
            screen.agrees("Apply this?", is_agreed=False)
        return _sent(client, options, "apply")


def _export(options: argparse.Namespace, screen: Screen) -> Any:
    with connected(options) as client:
        return client.get(f"bots/{chosen_bot(client, options.folder)['id']}/declaration/")


def _sent(client: "Client", options: argparse.Namespace, verb: str) -> Any:
    """The document goes as it stands, so that what is wrong with it is told with its line."""
    bot = chosen_bot(client, options.folder)
    text = options.file.read_text(encoding="utf-8")
    return client.post_text(f"bots/{bot['id']}/declaration/{verb}/", text, YAML)
