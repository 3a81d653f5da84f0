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

DOCUMENT = "quarterdeck.yaml"


def add(commands: Commands) -> None:
    """validate, plan, apply, export."""
    _add(commands, "validate", "check a bot's declaration; nothing is changed", _validate)
    _add(commands, "plan", "what applying a declaration would change, widened limits first", _plan)
    command = _add(commands, "apply", "make the platform hold what a declaration says", _apply)
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--reason", required=True, help="why; goes into the audit record")
    command = commands.add(
        "export", "the declaration of a bot as it is now", _export, example="quarterdeck export > quarterdeck.yaml"
    )
    command.add_argument("--folder", type=Path, default=Path())
    add_platform(command)


def _add(commands: Commands, name: str, text: str, run: Run) -> argparse.ArgumentParser:
    more = ' --reason "..."' if name == "apply" else ""
    command = commands.add(name, text, run, example=f"quarterdeck {name} -f {DOCUMENT}{more}")
    command.add_argument("-f", "--file", type=Path, default=Path(DOCUMENT), help=f"the document ({DOCUMENT})")
    command.add_argument("--folder", type=Path, default=Path(), help="the bot's folder (this one)")
    add_platform(command)
    return command


def _validate(options: argparse.Namespace, screen: Screen) -> Any:
    with connected(options) as client:
        return client.post(f"{_place(client, options)}validate/", {"text": _text(options)})


def _plan(options: argparse.Namespace, screen: Screen) -> Any:
    with connected(options) as client:
        return client.post(f"{_place(client, options)}plan/", {"text": _text(options)})


def _apply(options: argparse.Namespace, screen: Screen) -> Any:
    """What is applied is what was planned and, unless --yes, looked at: another state meanwhile is refused."""
    with connected(options) as client:
        place, text = _place(client, options), _text(options)
        plan = client.post(f"{place}plan/", {"text": text})
        if not options.yes:
            screen.preview(plan)
            screen.agrees("Apply this?", is_agreed=False)
        return client.post(f"{place}apply/", {"text": text, "digest": plan["digest"], "reason": options.reason})


def _export(options: argparse.Namespace, screen: Screen) -> Any:
    """The document alone, so that it can be kept in a file; with --json the drift too."""
    with connected(options) as client:
        found = client.get(_place(client, options))
    return {"export": found["export"], "drift": found["drift"]} if screen.as_json else found["export"].rstrip()


def _place(client: "Client", options: argparse.Namespace) -> str:
    return f"bots/{chosen_bot(client, options.folder)['id']}/declaration/"


def _text(options: argparse.Namespace) -> str:
    """The document goes as it stands, so that what is wrong with it is told with its line."""
    text: str = options.file.read_text(encoding="utf-8")
    return text
