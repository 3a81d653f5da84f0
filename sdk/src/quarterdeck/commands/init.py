"""`quarterdeck init`: a new bot's folder, complete: it builds, passes its tests, and says how it is operated."""

import argparse
import re
import subprocess
from decimal import Decimal
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from quarterdeck.bars import INTERVAL_MS
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.screen import Screen
from quarterdeck.decimals import parse_decimal, plain
from quarterdeck.failures import usage

SUFFIX = ".tmpl"
# What the platform accepts as the name of a bot and of an artifact alike.
_NAME = re.compile(r"[a-z][a-z0-9-]{1,57}[a-z0-9]")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,59}")
_MARK = re.compile(r"<<([a-z_]+)>>")


def add(commands: Commands) -> None:
    """init."""
    command = commands.add(
        "init",
        "make a new bot: strategy, schema, parameters, configuration, tests, workflows of CI",
        _init,
        example="quarterdeck init dip-buyer --symbol BTC-USD --feed btc-usd-1h --account paper-crypto",
    )
    command.add_argument("name", help="lower case, digits, hyphens")
    command.add_argument("--into", type=Path, help="an empty or new folder; else one with the bot's name")
    command.add_argument("--symbol", default="BTC-USD", help="the instrument it trades (%(default)s)")
    command.add_argument("--feed", help="the platform's feed; else SYMBOL-INTERVAL in lower case")
    command.add_argument("--interval", choices=sorted(INTERVAL_MS), default="1h", help="of its bars (%(default)s)")
    command.add_argument("--venue", default="paper", help="(%(default)s)")
    command.add_argument("--account", default="paper-crypto", help="(%(default)s)")
    command.add_argument("--quantity", type=parse_decimal, default=Decimal("0.1"), help="of one order (%(default)s)")
    command.add_argument("--capital", type=parse_decimal, default=Decimal(10_000), help="on paper (%(default)s)")
    command.add_argument("--strategy", help="its strategy on the platform; else made of the name")
    command.add_argument("--bucket", default="", help="risk bucket of a new strategy")
    command.add_argument("--owner", default="", help="sign-in name of a person")
    command.add_argument("--fallback-owner", default="", help="sign-in name of another person")
    command.add_argument("--no-git", action="store_true", help="do not make a git repository")


def _init(options: argparse.Namespace, screen: Screen) -> dict[str, object]:
    values = _values(options)
    folder = options.into or Path(options.name)
    if folder.exists() and (not folder.is_dir() or any(path.name != ".git" for path in folder.iterdir())):
        raise usage(f"{folder} is not empty: nothing is overwritten")
    written = [_write(folder, name, text) for name, text in rendered(values).items()]
    commit = None if options.no_git else _committed(folder, screen)
    return {"name": options.name, "folder": str(folder), "files": written, "commit": commit}


def rendered(values: dict[str, str]) -> dict[str, str]:
    """The text of every file by its path in the folder."""
    root = resources.files("quarterdeck") / "templates" / "bot"
    return {_place(name, values): _filled(text, values) for name, text in _texts(root, "")}


def _values(options: argparse.Namespace) -> dict[str, str]:
    """What the templates leave open. Raises Failure (usage) for a name that the platform would refuse."""
    name = options.name
    if not _NAME.fullmatch(name):
        raise usage(f"{name!r} is no name of a bot: lower case, digits and hyphens, 3 to 59 characters")
    title = name.replace("-", " ").capitalize()
    values = {
        "name": name,
        "module": name.replace("-", "_"),
        "class": "".join(part.capitalize() for part in name.split("-")),
        "symbol": options.symbol,
        "feed": options.feed or f"{options.symbol}-{options.interval}".lower(),
        "interval": options.interval,
        "venue": options.venue,
        "account": options.account,
        "quantity": plain(options.quantity),
        "capital": plain(options.capital),
        "strategy": options.strategy or title,
        "bucket": options.bucket,
        "owner": options.owner,
        "fallback_owner": options.fallback_owner,
    }
    for place, value in values.items():
        if value and not _PLAIN.fullmatch(value):
            raise usage(f"{place}: {value!r} has characters that do not belong there")
    return values


def _texts(folder: Traversable, path: str) -> list[tuple[str, str]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        here = f"{path}{entry.name}"
        if entry.is_dir():
            found += _texts(entry, f"{here}/")
        elif here.endswith(SUFFIX):
            found.append((here.removesuffix(SUFFIX), entry.read_text(encoding="utf-8")))
    return found


def _filled(text: str, values: dict[str, str]) -> str:
    """The text with each <<name>> replaced by its value."""
    return _MARK.sub(lambda found: values[found[1]], text)


def _place(name: str, values: dict[str, str]) -> str:
    """Where a template's text goes: the strategy has the bot's own name, and "dot_" stands for a leading dot."""
    parts = [f".{part[4:]}" if part.startswith("dot_") else part for part in name.split("/")]
    return "/".join(f"{values['module']}.py" if part == "strategy.py" else part for part in parts)


def _write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return name


def _committed(folder: Path, screen: Screen) -> str | None:
    """The first commit, so that what is pushed has one; None, and why, where there is none to make."""
    if _git(folder, "rev-parse", "--is-inside-work-tree")[0]:
        screen.say("the folder is in a git repository already: commit it before you push")
        return None
    steps = (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "A new bot"], ["rev-parse", "HEAD"])
    said = ""
    for arguments in steps:
        is_done, said = _git(folder, *arguments)
        if not is_done:
            screen.say(f"git {arguments[0]}: {said}; commit the folder before you push")
            return None
    return said


def _git(folder: Path, *arguments: str) -> tuple[bool, str]:
    """Whether git did it, and what it said."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False, "git is not installed"
    return done.returncode == 0, (done.stdout if done.returncode == 0 else done.stderr).strip()
