"""`quarterdeck register`: the strategy and the bot on the platform, made once."""

import argparse
from typing import Any

from quarterdeck.commands.connection import add_platform, connected
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.project import add_folder, bot_name, home, read_yaml, setting
from quarterdeck.commands.screen import Screen

CONFIG = "config.yaml"
_FIELDS = ("strategy", "bucket", "owner", "fallback_owner")


def add(commands: Commands) -> None:
    """register."""
    command = commands.add(
        "register",
        "make the bot and its strategy on the platform, unless they are there",
        _register,
        example='quarterdeck register --strategy "Dips" --bucket Trend --owner alice --fallback-owner carol',
    )
    add_folder(command)
    command.add_argument("--strategy", help="name of its strategy, made in the bucket when it is new")
    command.add_argument("--bucket", help="risk bucket of a new strategy")
    command.add_argument("--owner", help="sign-in name of a person")
    command.add_argument("--fallback-owner", help="sign-in name of another person")
    add_platform(command)


def _register(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """What is there is left as it is; symbols and accounts of a new bot are those of config.yaml."""
    name, told = bot_name(options.folder), home(options.folder, "bot")
    with connected(options) as client:
        known = client.find("bots/", name=name)
        if known:
            screen.say(f"{name} is there already")
            return _shown(known[0], is_new=False)
        wanted = {field: setting(options, told, field) for field in _FIELDS}
        if not client.find("strategies/", name=wanted["strategy"]):
            client.post("strategies/", {"name": wanted["strategy"], "bucket": wanted["bucket"]})
            screen.say(f"strategy {wanted['strategy']} made in {wanted['bucket']}")
        config = read_yaml(options.folder / CONFIG)
        body = {"name": name, "symbols": config["symbols"], "accounts": config["accounts"]}
        owners = {field: wanted[field] for field in ("strategy", "owner", "fallback_owner")}
        return _shown(client.post("bots/", body | owners), is_new=True)


def _shown(bot: dict[str, Any], *, is_new: bool) -> dict[str, Any]:
    names = ("id", "name", "strategy_name", "owner_name", "fallback_owner_name", "symbols", "accounts", "scope")
    return {"is_new": is_new} | {name: bot[name] for name in names}
