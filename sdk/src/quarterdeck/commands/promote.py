"""`quarterdeck promote` and `rollback`: both ask, and people decide."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarterdeck.commands.connection import add_platform, connected
from quarterdeck.commands.gates import chosen_bot, chosen_release
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.project import home, setting
from quarterdeck.commands.screen import Screen
from quarterdeck.commands.waiting import add_timeout, until
from quarterdeck.failures import refused

if TYPE_CHECKING:
    from quarterdeck.client import Client

ENDED = ("denied", "refused", "expired", "withdrawn", "void")
REACHED = {"voting": ("voting", "approved", "applied"), "applied": ("applied",)}
_SHOWN = (
    "id", "number", "bot_name", "release", "build_id", "account_name", "stage", "environment", "capital", "state",
    "outcome", "digest", "expires_at",
)  # fmt: skip


def add(commands: Commands) -> None:
    """promote and rollback."""
    command = commands.add(
        "promote",
        "ask to run a release on an account; gates run, then people vote",
        _promote,
        example='quarterdeck promote --capital 10000 --reason "first days on paper" --wait voting',
    )
    _add_target(command)
    command.add_argument("--release", help="its id; else the newest of the bot")
    command.add_argument("--stage", help="simulated_execution, micro, ... (simulated_execution)")
    command.add_argument("--environment", choices=("paper", "live"))
    command = commands.add(
        "rollback",
        "ask to run the release that ran before, by the same gates and the same vote",
        _rollback,
        example='quarterdeck rollback --account paper-fx --reason "slippage doubled" --wait voting',
    )
    _add_target(command)


def _add_target(command: argparse.ArgumentParser) -> None:
    command.add_argument("--folder", type=Path, default=Path(), help="the bot's folder (this one)")
    command.add_argument("--account", help="the account; else what quarterdeck.toml says")
    command.add_argument("--capital", help="in the account's currency; else what quarterdeck.toml says")
    command.add_argument("--reason", required=True, help="why now; the voters read it")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--wait", choices=sorted(REACHED), help="stay until people can vote, or until it runs")
    add_timeout(command, minutes=30)
    add_platform(command)


def _promote(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    told = {"stage": "simulated_execution", "environment": "paper"} | home(options.folder, "promotion")
    with connected(options) as client:
        release = chosen_release(client, options.folder, options.release)
        wanted = {name: setting(options, told, name) for name in ("account", "capital", "stage", "environment")}
        return _asked(client, options, screen, release, wanted)


def _rollback(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    told = home(options.folder, "promotion")
    with connected(options) as client:
        bot = chosen_bot(client, options.folder)
        account = setting(options, told, "account")
        applied = client.every("promotions/", bot=bot["id"], state="applied")
        ran = [one for one in applied if one["account_name"] == account]
        before = [one for one in ran if one["release"] != ran[0]["release"]]
        if not before:
            raise refused(f"nothing else has run before on {account}: `quarterdeck halt` stops it")
        screen.say("A rollback is a promotion of the release that ran before: its gates and its vote come first.")
        screen.say("To stop trading at once, use `quarterdeck halt`.")
        wanted = {name: before[0][name] for name in ("stage", "environment")} | {"account": account}
        wanted["capital"] = options.capital or before[0]["capital"]
        return _asked(client, options, screen, client.get(f"releases/{before[0]['release']}/"), wanted)


def _asked(
    client: "Client", options: argparse.Namespace, screen: Screen, release: dict[str, Any], wanted: dict[str, str]
) -> dict[str, Any]:
    """The promotion, asked for once and followed as far as was said."""
    line = f"Release {release['number']} (build {release['build_id'][:12]}) to {wanted['environment']}"
    line += f" on {wanted['account']}, stage {wanted['stage']}, with {wanted['capital']}?"
    screen.agrees(line, is_agreed=options.yes)
    promotion = client.post("promotions/", wanted | {"release": release["id"], "reason": options.reason})
    screen.say(f"promotion {promotion['number']} asked for: {client.settings.url}/promotions/{promotion['number']}/")
    if options.wait:
        promotion = follow(client, promotion["id"], options.wait, options.timeout_m, screen)
    return {name: promotion[name] for name in _SHOWN}


def follow(client: "Client", promotion: str, goal: str, minutes: float, screen: Screen) -> dict[str, Any]:
    """The promotion once it is where it shall be. Raises Failure (refused) when it ends elsewhere."""
    said: list[str] = []

    def ask() -> dict[str, Any]:
        found: dict[str, Any] = client.get(f"promotions/{promotion}/")
        if found["state"] not in said:
            said.append(found["state"])
            screen.say(f"{found['state']}" + (": it needs a person's vote" if found["state"] == "voting" else ""))
        return found

    wanted = (*REACHED[goal], *ENDED)
    found = until(ask, lambda one: one["state"] in wanted, f"{goal} of the promotion", minutes=minutes)
    if found["state"] in ENDED:
        raise refused(f"the promotion is {found['state']}", code="PROMOTION_ENDED", details=[found["outcome"]])
    return found
