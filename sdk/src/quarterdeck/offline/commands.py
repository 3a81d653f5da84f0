"""`quarterdeck offline cancel`."""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quarterdeck.commands.groups import Commands
from quarterdeck.commands.screen import Screen
from quarterdeck.offline.cancel import Write, cancel_all, read_export, read_keys


def add(commands: Commands) -> None:
    """The commands below `quarterdeck offline`."""
    cancel = commands.add(
        "cancel",
        "cancel opening orders at the venues from the last export",
        run,
        example="quarterdeck offline cancel --export orders.json --keys keys.json --journal day.jsonl"
        " --sign-with desk.pem --dry-run",
    )
    cancel.add_argument("--export", type=Path, required=True, help="the last orders.json of the platform")
    cancel.add_argument("--keys", type=Path, required=True, help="JSON: account name -> mode, key, secret; mode 0600")
    cancel.add_argument("--journal", type=Path, required=True, help="a new file; the platform imports it later")
    cancel.add_argument("--sign-with", type=Path, required=True, help="Ed25519 key of `quarterdeck init-key`")
    cancel.add_argument("--all", action="store_true", help="protective orders, exits and unknown ones too")
    cancel.add_argument("--dry-run", action="store_true", help="say what would be cancelled; send and write nothing")


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """Cancel; what was cancelled, kept, and could not be confirmed."""
    export, keys = read_export(options.export), read_keys(options.keys)
    with _journal(options, export) as write:
        outcome = cancel_all(export, keys, write, takes_all=options.all, is_dry=options.dry_run)
    return {
        "exported_at": export["exported_at"],
        "planned": outcome.planned,
        "cancelled": outcome.cancelled,
        "kept": outcome.kept,
        "unconfirmed": outcome.unconfirmed,
    }


@contextlib.contextmanager
def _journal(options: argparse.Namespace, export: dict[str, Any]) -> Iterator[Write]:
    from quarterdeck.offline.journal import Journal
    from quarterdeck.sign import SigningKey

    if options.dry_run:
        yield lambda act, **detail: None
        return
    journal = Journal(options.journal, SigningKey.from_pem(options.sign_with.read_bytes()))
    journal.write("opened", exported_at=export["exported_at"], takes_all=options.all)
    yield journal.write
    journal.close()
