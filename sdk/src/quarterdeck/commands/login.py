"""`quarterdeck login` and `token`: where a machine's token comes from, and where it is kept."""

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any

from quarterdeck.commands.connection import EXTRA, add_platform, connected
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.screen import Screen
from quarterdeck.failures import refused, usage

# RFC 8693, sections 2.1 and 3.
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
SUBJECT_TYPE = "urn:ietf:params:oauth:token-type:id_token"


def add(commands: Commands) -> None:
    """login and token."""
    command = commands.add(
        "login",
        "store the platform's address and a token, after a try of both",
        _login,
        example="quarterdeck login https://quarterdeck.example",
    )
    command.add_argument("address", help="the platform's address; the token is asked for, or read from a pipe")
    command.add_argument("--ca-file", type=Path, help="PEM of the authority behind its certificate; is stored too")
    command.set_defaults(token_file=None, timeout_s=30.0)
    command = commands.add(
        "token",
        "exchange the OIDC token of a CI job for a token of the platform, and store it",
        _token,
        example="quarterdeck token --oidc-file oidc.jwt",
    )
    command.add_argument("--oidc-file", type=Path, required=True, help="the token of the CI job; `-` reads it")
    command.add_argument("--audience", help="of the trust, where the platform checks it")
    command.add_argument("--print", action="store_true", help="print the token instead of storing it: keep it off logs")
    add_platform(command)


def _login(options: argparse.Namespace, screen: Screen) -> dict[str, str]:
    token = getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.read()
    if not token.strip():
        raise usage("no token was given")
    try:
        from quarterdeck.client import Client, Settings
    except ModuleNotFoundError:
        raise usage(EXTRA) from None
    address = options.address.rstrip("/")
    with Client(Settings(address, token.strip(), options.ca_file)) as client:
        firm = client.get("firm/")["name"]
    return {"firm": firm, "url": address, "stored": _store(address, token.strip(), options.ca_file)}


def _token(options: argparse.Namespace, screen: Screen) -> dict[str, Any] | None:
    from quarterdeck.client.settings import read_secret

    fields = {
        "grant_type": GRANT,
        "subject_token": read_secret(options.oidc_file),
        "subject_token_type": SUBJECT_TYPE,
    }
    if options.audience:
        fields["audience"] = options.audience
    with connected(options) as client:
        answer = client.post_form("token-exchange/", fields)
        token, address = str(answer.get("access_token", "")), client.settings.url
    if not token:
        raise refused("the platform answered without a token")
    told = {"url": address, "expires_in_s": answer.get("expires_in"), "permissions": answer.get("scope", "")}
    if options.print:
        return screen.secret(token, told)
    return told | {"stored": _store(address, token, options.ca_file)}


def _store(address: str, token: str, ca_file: Path | None) -> str:
    from quarterdeck.client.settings import config_path, write_config

    values = {"url": address, "token": token}
    if ca_file:
        values["ca_file"] = str(ca_file.resolve())
    path = config_path(os.environ)
    write_config(path, values)
    return str(path)
