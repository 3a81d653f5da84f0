"""The options that every command with the platform has, and the client they make."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck.failures import usage

if TYPE_CHECKING:
    from quarterdeck.client import Client

EXTRA = 'this command talks to the platform: install "quarterdeck[cli]"'


def add_platform(command: argparse.ArgumentParser) -> None:
    """--url, --token-file, --ca-file, --timeout-s; no option takes the token itself, which `ps` would show."""
    group = command.add_argument_group("the platform")
    group.add_argument("--url", help="its address; else QUARTERDECK_URL, else what `quarterdeck login` stored")
    group.add_argument("--token-file", type=Path, help="a file with the token, `-` reads it; else QUARTERDECK_TOKEN")
    group.add_argument("--ca-file", type=Path, help="PEM of the authority behind its certificate; else SSL_CERT_FILE")
    group.add_argument("--timeout-s", type=float, default=30.0, help="how long one call may take")


def connected(options: argparse.Namespace) -> "Client":
    """The client of a command. Raises Failure (usage) without an address, or without the extra."""
    try:
        from quarterdeck.client import Client
        from quarterdeck.client.settings import resolved
    except ModuleNotFoundError:
        raise usage(EXTRA) from None
    settings = resolved(
        url=options.url,
        token_file=options.token_file,
        ca_file=options.ca_file,
        timeout_s=options.timeout_s,
        environ=os.environ,
    )
    return Client(settings)
