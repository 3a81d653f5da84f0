"""`quarterdeck status`: what a bot is doing, once or as it happens."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarterdeck.commands.connection import add_platform, connected
from quarterdeck.commands.gates import chosen_bot
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.screen import Screen
from quarterdeck.commands.waiting import add_timeout, until

if TYPE_CHECKING:
    from quarterdeck.client import Client

EVERY_S = 2.0
ORDERS_MAX = FILLS_MAX = "5"


def add(commands: Commands) -> None:
    """status."""
    command = commands.add(
        "status",
        "what a bot is doing: deployments, promotion, orders, fills",
        _status,
        example="quarterdeck status --wait-for fill",
    )
    command.add_argument("bot", nargs="?", help="its name; else the bot in this folder")
    command.add_argument("--folder", type=Path, default=Path())
    command.add_argument("--watch", action="store_true", help="go on until Ctrl-C; a line for each change")
    command.add_argument("--wait-for", choices=("running", "fill"), help="stay until it runs, or until it has traded")
    add_timeout(command, minutes=10)
    add_platform(command)


def _status(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    with connected(options) as client:
        bot = chosen_bot(client, options.folder, options.bot)
        if options.watch:
            _watch(client, bot, screen)
        if options.wait_for:
            return until(
                lambda: look(client, bot),
                lambda found: _is_there(found, options.wait_for),
                f"{options.wait_for} of {bot['name']}",
                minutes=options.timeout_m,
            )
        return look(client, bot)


def look(client: "Client", bot: dict[str, Any]) -> dict[str, Any]:
    """The bot as it is now."""
    own = {"bot": bot["id"]}
    orders = client.find("orders/", **own, page_size=ORDERS_MAX)
    fills = client.find("fills/", **own, page_size=FILLS_MAX)
    promotions = client.find("promotions/", **own, page_size="1")
    return {
        "bot": bot["name"],
        "stage": bot["stage"],
        "deployments": [_named(one, _DEPLOYMENT) for one in client.find("deployments/", **own)],
        "promotion": _named(promotions[0], ("number", "state", "build_id", "outcome")) if promotions else None,
        "orders": [_named(one, ("created_at", "symbol", "side", "quantity", "state", "codes")) for one in orders],
        "fills": [_named(one, ("created_at", "symbol", "side", "quantity", "price", "fee")) for one in fills],
    }


_DEPLOYMENT = ("account_name", "environment", "desired", "observed", "observed_reason", "capital", "build_id")


def _named(found: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found}


def _is_there(found: dict[str, Any], goal: str) -> bool:
    if goal == "fill":
        return bool(found["fills"])
    return any(one["observed"] == "running" for one in found["deployments"])


def _watch(client: "Client", bot: dict[str, Any], screen: Screen) -> None:
    """Tell each change until Ctrl-C, which ends the command."""
    before: dict[str, Any] = {}
    while True:
        found = look(client, bot)
        for line in changes(before, found):
            screen.say(f"{time.strftime('%H:%M:%S')} {line}")
        before = found
        time.sleep(EVERY_S)


def changes(before: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is new since the last look, oldest first."""
    lines = []
    if found["promotion"] != before.get("promotion") and found["promotion"]:
        lines.append(f"promotion {found['promotion']['number']}: {found['promotion']['state']}")
    for one in found["deployments"]:
        if one not in before.get("deployments", []):
            lines.append(f"{one['account_name']}: {one['observed']} {one['observed_reason']}".strip())
    for one in reversed(found["orders"]):
        if one not in before.get("orders", []):
            codes = f" ({', '.join(one['codes'])})" if one.get("codes") else ""
            lines.append(f"order {one['side']} {one['quantity']} {one['symbol']}: {one['state']}{codes}")
    for one in reversed(found["fills"]):
        if one not in before.get("fills", []):
            lines.append(f"fill {one['side']} {one['quantity']} {one['symbol']} at {one['price']}")
    return lines
