"""`quarterdeck gate`: the checks of a release; CI reports those that it ran itself."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarterdeck.commands.connection import add_platform, connected
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.local import digest
from quarterdeck.commands.project import bot_name, read_json
from quarterdeck.commands.screen import Screen
from quarterdeck.commands.waiting import add_timeout, until
from quarterdeck.failures import refused

if TYPE_CHECKING:
    from quarterdeck.client import Client

OPEN, PASSED = ("pending", "running"), ("passed", "waived")
# Who runs a gate: the platform's workers, unless it says that somebody reports it.
_RUN_THERE = (None, "worker")


def add(commands: Commands) -> None:
    """gate list, gate run, gate report."""
    group = commands.group("gate", "the checks of a release: list, run, report")
    command = group.add("list", "the gates of a release", _list, example="quarterdeck gate list")
    _add_release(command)
    command = group.add(
        "run",
        "run gates on a release and wait; 1 when one does not pass",
        _run,
        example="quarterdeck gate run --kind config_lint --kind backtest",
    )
    _add_release(command)
    command.add_argument("--kind", action="append", help="a kind of gate, as often as you like (those of paper)")
    add_timeout(command, minutes=15)
    command = group.add(
        "report",
        "tell the platform what a check outside it found",
        _report,
        example="quarterdeck gate report unit --figures figures.json --tool pytest-9 --evidence report.xml",
    )
    _add_release(command)
    command.add_argument("gate", help="kind of the gate, or its id")
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--figures", type=Path, help="JSON object: what was measured; the platform judges it")
    what.add_argument("--error", help="why nothing could be measured; never passes")
    command.add_argument("--tool", required=True, help="what measured it, with its version")
    command.add_argument("--evidence", type=Path, required=True, help="the report; its SHA-256 is kept with the gate")
    command.add_argument("--uri", default="", help="where the report lies")


def _add_release(command: argparse.ArgumentParser) -> None:
    command.add_argument("--release", help="its id; else the newest of the bot in this folder")
    command.add_argument("--folder", type=Path, default=Path())
    add_platform(command)


def chosen_release(client: "Client", folder: Path, release: str | None) -> dict[str, Any]:
    """The release of that id, else the newest of the folder's bot. Raises Failure when there is none."""
    if release:
        found: dict[str, Any] = client.get(f"releases/{release}/")
        return found
    newest = client.find("releases/", bot=chosen_bot(client, folder)["id"], page_size="1")
    if not newest:
        raise refused("the bot has no release yet: `quarterdeck push` makes one")
    return newest[0]


def chosen_bot(client: "Client", folder: Path, name: str | None = None) -> dict[str, Any]:
    """The bot of that name, else the folder's. Raises Failure when the platform does not show it."""
    wanted = name or bot_name(folder)
    found = client.find("bots/", name=wanted)
    if not found:
        raise refused(f"no bot {wanted} within your reach: `quarterdeck register` makes it")
    return found[0]


def kinds_for(client: "Client", stage: str, environment: str) -> list[str]:
    """The gates that a promotion to a stage needs, by the policy in force."""
    policies = client.find("policies/", stage=stage, environment=environment)
    if not policies:
        raise refused(f"no policy says what {stage} on {environment} needs")
    return list(policies[0]["gates"])


def ask_and_wait(
    client: "Client", release: str, kinds: Sequence[str], minutes: float, screen: Screen
) -> list[dict[str, Any]]:
    """Run gates and wait until those that the platform runs are decided.

    Raises Failure (refused) when one does not pass.
    """
    client.post(f"releases/{release}/gates/", {"kinds": list(kinds)})
    with screen.progress("gates") as progress:

        def ask() -> list[dict[str, Any]]:
            found = [gate for gate in client.every("gates/", release=release) if gate["kind"] in kinds]
            found = [gate for gate in found if gate.get("reporter") in _RUN_THERE]
            progress(sum(gate["progress_percent"] for gate in found), 100 * len(found))
            return found

        decided = until(ask, _all_decided, f"the verdict on {', '.join(kinds)}", minutes=minutes)
    shown = [_shown(gate) for gate in decided]
    _check_open(shown)
    reported = sorted(set(kinds) - {gate["kind"] for gate in shown})
    screen.say(f"gates passed: {', '.join(gate['kind'] for gate in shown)}")
    if reported:
        screen.say(f"to be reported from outside: {', '.join(reported)}")
    return shown


def _check_open(shown: Sequence[dict[str, Any]]) -> None:
    """Raises Failure (refused) with what is not open."""
    shut = [f"{gate['kind']}: {gate['state']}. {gate['message']}" for gate in shown if gate["state"] not in PASSED]
    if shut:
        raise refused("gates do not pass", code="GATE_NOT_PASSED", details=shut)


def _all_decided(found: list[dict[str, Any]]) -> bool:
    return all(gate["state"] not in OPEN for gate in found)


def _shown(gate: dict[str, Any]) -> dict[str, Any]:
    return {name: gate[name] for name in ("id", "kind", "state", "progress_percent", "message", "valid_until")}


def _list(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    with connected(options) as client:
        release = chosen_release(client, options.folder, options.release)
        found = [_shown(gate) for gate in client.every("gates/", release=release["id"])]
        return {"release": release["id"], "build_id": release["build_id"], "gates": found}


def _run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    with connected(options) as client:
        release = chosen_release(client, options.folder, options.release)
        kinds = options.kind or kinds_for(client, "simulated_execution", "paper")
        found = ask_and_wait(client, release["id"], kinds, options.timeout_m, screen)
        return {"release": release["id"], "build_id": release["build_id"], "gates": found}


def _report(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """The gate as it was judged. Raises Failure (refused) when it does not pass."""
    body: dict[str, Any] = {"tool": options.tool, "uri": options.uri, "evidence_sha256": digest(options.evidence)}
    if options.error:
        body["error"] = options.error
    else:
        body["figures"] = read_json(options.figures)
    with connected(options) as client:
        release = chosen_release(client, options.folder, options.release)
        gates = client.every("gates/", release=release["id"])
        found = [one for one in gates if options.gate in (one["id"], one["kind"])]
        if not found:
            raise refused(f"the release has no gate {options.gate}: ask for it with `quarterdeck gate run`")
        judged = _shown(client.post(f"gates/{found[0]['id']}/report/", body))
    _check_open([judged])
    return judged
