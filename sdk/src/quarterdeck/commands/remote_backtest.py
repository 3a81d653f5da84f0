"""`quarterdeck backtest --remote`: the platform runs it; Ctrl-C takes it back."""

import argparse
from typing import TYPE_CHECKING, Any

from quarterdeck.commands.connection import connected
from quarterdeck.commands.gates import chosen_release
from quarterdeck.commands.screen import Screen
from quarterdeck.commands.waiting import add_timeout, until
from quarterdeck.failures import refused, usage

if TYPE_CHECKING:
    from quarterdeck.client import Client

OVER, DONE = ("done", "failed", "cancelled"), "done"
_FIGURES = ("id", "dataset", "seed", "intents_hash", "metrics", "bars", "duration_ms")


def add_options(command: argparse.ArgumentParser) -> None:
    """--remote and what it needs."""
    command.add_argument("--remote", action="store_true", help="let the platform run a pushed release")
    command.add_argument("--release", help="with --remote: its id; else the newest of the bot")
    command.add_argument("--dataset", help="with --remote: name or id of the frozen prices")
    add_timeout(command, minutes=60)


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """The finished run. Raises Failure (refused) when it failed or was cancelled."""
    if not options.dataset:
        raise usage("--remote needs --dataset: the name of the frozen prices")
    with connected(options) as client:
        release = chosen_release(client, options.folder, options.release)
        body = {"code_version": release["code_version"], "parameter_set": release["parameter_set"]}
        asked = client.post("backtests/", body | {"dataset": options.dataset, "seed": options.seed})
        path = f"backtests/runs/{asked['id']}/"
        try:
            found = _followed(client, path, options.timeout_m, screen)
        except KeyboardInterrupt:
            client.post(f"{path}cancel/", {"reason": "interrupted at the terminal"})
            screen.say("cancelled on the platform")
            raise
        if found["state"] != DONE:
            said = found["error_message"] or found["state"]
            raise refused(f"the backtest is {found['state']}: {said}", code=found["error_code"])
        result = client.get(f"backtests/{found['result']}/")
        return {name: result[name] for name in _FIGURES if name in result}


def _followed(client: "Client", path: str, minutes: float, screen: Screen) -> dict[str, Any]:
    with screen.progress("backtest") as progress:

        def ask() -> dict[str, Any]:
            found: dict[str, Any] = client.get(path)
            progress(found["progress_percent"], 100)
            return found

        return until(ask, lambda found: found["state"] in OVER, "the end of the backtest", minutes=minutes)
