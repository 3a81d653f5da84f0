"""Reading a build's bot.toml and loading its entry point."""

import importlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from quarterdeck.strategy import Strategy

BOT_TOML = "bot.toml"


def read_bot_toml(folder: Path) -> dict[str, Any]:
    """The build's description; ValueError when it is missing or not TOML."""
    try:
        return tomllib.loads((folder / BOT_TOML).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{BOT_TOML} is missing") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{BOT_TOML}: {error}") from None


def load_strategy(folder: Path) -> Strategy:
    """A new instance of the class that entry_point = "module:Class" names; ValueError when it is none.

    The folder goes first on the import path and stays there: a bot may import its own modules late.
    """
    entry_point = str(read_bot_toml(folder).get("entry_point", ""))
    module_name, _, class_name = entry_point.partition(":")
    if not module_name or not class_name:
        raise ValueError(f"entry_point {entry_point!r} is not module:Class")
    sys.path.insert(0, str(folder))
    strategy_class = getattr(importlib.import_module(module_name), class_name, None)
    if not isinstance(strategy_class, type) or not issubclass(strategy_class, Strategy):
        raise ValueError(f"entry_point {entry_point!r} is not a Strategy")
    return strategy_class()


def default_parameters(folder: Path) -> dict[str, Any]:
    """What the parameter schema gives by default, by name; ValueError when the build has no such schema."""
    name = read_bot_toml(folder).get("parameters", {}).get("schema", "")
    if not name or not (folder / name).is_file():
        raise ValueError(f"{name or 'parameters.schema'} is missing")
    properties = json.loads((folder / name).read_text(encoding="utf-8"))["properties"]
    return {name: spec["default"] for name, spec in properties.items() if "default" in spec}
