"""A bot's folder as the commands use it: bot.toml of the build, quarterdeck.toml of its home on the platform."""

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from quarterdeck.commands.connection import EXTRA
from quarterdeck.failures import usage
from quarterdeck.loading import read_bot_toml

HOME = "quarterdeck.toml"


def add_folder(command: argparse.ArgumentParser) -> None:
    """The folder argument, by default the one the command runs in."""
    command.add_argument("folder", type=Path, nargs="?", default=Path(), help="the bot's folder (this one)")


def bot_name(folder: Path) -> str:
    """The name in bot.toml."""
    return str(read_bot_toml(folder)["name"])


def home(folder: Path, table: str) -> dict[str, str]:
    """A table of quarterdeck.toml, empty without one. Raises Failure (usage) when the file is not TOML."""
    try:
        data = tomllib.loads((folder / HOME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise usage(f"{HOME}: {error}") from None
    return {name: str(value) for name, value in data.get(table, {}).items()}


def setting(options: argparse.Namespace, values: dict[str, str], name: str) -> str:
    """An option, else what quarterdeck.toml says. Raises Failure (usage) when neither does."""
    found = getattr(options, name, None) or values.get(name, "")
    if not found:
        raise usage(f"{name} is missing: give --{name.replace('_', '-')} or write it into {HOME}")
    return str(found)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping, read safely. Raises Failure (usage) with the line where it is wrong."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise usage(EXTRA) from None
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise usage(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise usage(f"{path} is no mapping of names to values")
    return found


def read_json(path: Path) -> Any:
    """A JSON document. Raises Failure (usage) when it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise usage(f"{path}: {error}") from None
