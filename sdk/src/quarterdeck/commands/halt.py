"""`quarterdeck halt`: stop a scope, after a look at what that does."""

import argparse
from typing import TYPE_CHECKING, Any

from quarterdeck.commands.connection import add_platform, connected
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.screen import Screen
from quarterdeck.commands.waiting import add_timeout, until
from quarterdeck.failures import refused, usage

if TYPE_CHECKING:
    from quarterdeck.client import Client

_PLACES = {
    "desk": ("desks/", "name"),
    "bucket": ("risk-buckets/", "name"),
    "strategy": ("strategies/", "name"),
    "bot": ("bots/", "name"),
    "account": ("accounts/", "name"),
    "venue": ("venues/", "name"),
    "instrument": ("instruments/", "symbol"),
}
_SHOWN = (
    "id",
    "scope_kind",
    "scope_name",
    "level",
    "cancels",
    "state",
    "latched_at",
    "latch_ms",
    "drain_state",
    "left",
)


def add(commands: Commands) -> None:
    """halt."""
    command = commands.add(
        "halt",
        "stop a scope at once: a bot, an account, a desk, or with --all the firm",
        _halt,
        example='quarterdeck halt --scope bot:btc-trend --reason "odd fills"',
    )
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--scope", help=f"KIND:NAME, the kind one of {', '.join(_PLACES)}")
    which.add_argument("--all", action="store_true", help="the whole firm")
    command.add_argument("--level", choices=("HALTED", "REDUCING"), default="HALTED", help="REDUCING lets exits pass")
    command.add_argument("--cancels", choices=("opening", "all"), default="opening", help="all takes protection away")
    command.add_argument("--reason", required=True, help="why; everybody reads it")
    command.add_argument("--yes", action="store_true", help="stop at once, without a look and without a question")
    command.add_argument("--wait", action="store_true", help="stay until the venues have confirmed every cancel")
    add_timeout(command, minutes=5)
    add_platform(command)


def _halt(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    with connected(options) as client:
        scope = _scope(client, options)
        if not options.yes:
            seen = client.post("holds/preview/", {"scope": scope, "cancels": options.cancels})
            screen.agrees(_question(options, seen), is_agreed=False)
        body = {"scope": scope, "level": options.level, "cancels": options.cancels, "reason": options.reason}
        hold = client.post("holds/", body)
        screen.say(f"{hold['level']}: {hold['scope_kind']} {hold['scope_name']}, latched in {hold['latch_ms']} ms")
        if options.wait:
            path = f"holds/{hold['id']}/"
            hold = until(
                lambda: client.get(path), _is_drained, "the venues' word on every cancel", minutes=options.timeout_m
            )
        return {name: hold[name] for name in _SHOWN}


def _scope(client: "Client", options: argparse.Namespace) -> str:
    """The id of the scope that was named. Raises Failure when there is none."""
    if options.all:
        return str(client.get("firm/")["scope"])
    kind, separator, name = options.scope.partition(":")
    if not separator or kind not in _PLACES:
        raise usage(f"--scope {options.scope}: not KIND:NAME with a kind of {', '.join(_PLACES)}")
    path, field = _PLACES[kind]
    found = [one for one in client.every(path) if one[field] == name]
    if not found:
        raise refused(f"no {kind} {name} within your reach")
    return str(found[0]["scope"])


def _question(options: argparse.Namespace, seen: dict[str, Any]) -> str:
    """What stops and what is left unguarded, for a person to agree to."""
    kept, opening = len(seen["kept"]), len(seen["opening"])
    line = f"{options.level} stops {', '.join(seen['bots']) or 'no bot'}"
    line += f" on {', '.join(seen['accounts']) or 'no account'}; of its orders {opening} are opening ones"
    line += f" and {kept} stay."
    bare = [f"{one['units']} {one['symbol']}" for one in seen["unguarded"]]
    if bare:
        line += f" Left without protection: {', '.join(bare)}."
    return f"{line} Go on?"


def _is_drained(hold: dict[str, Any]) -> bool:
    return bool(hold["drain_state"] != "pending")
