"""Where the platform is and who asks: from flags, the environment, or a file that only its owner can read."""

import json
import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quarterdeck.failures import usage

URL, TOKEN = "QUARTERDECK_URL", "QUARTERDECK_TOKEN"
TIMEOUT_S = 30.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Settings:
    """A platform's address, the caller's token (never shown), and how to reach it."""

    url: str
    token: str = field(default="", repr=False)
    ca_file: Path | None = None
    timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        _check_url(self.url)
        if not self.token.isascii() or not self.token.isprintable():
            raise usage("the token holds characters that no token has: is it the right file?")


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The settings file: config.toml below $XDG_CONFIG_HOME/quarterdeck or ~/.config/quarterdeck."""
    home = Path(environ.get("HOME") or Path.home())
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "quarterdeck" / "config.toml"


def resolved(
    *, url: str | None, token_file: Path | None, ca_file: Path | None, timeout_s: float, environ: Mapping[str, str]
) -> Settings:
    """The settings of one command: a flag wins over the environment, which wins over the file.

    A token from the file goes to the address in that file only. Raises Failure (usage) without an address.
    """
    stored = read_config(config_path(environ))
    address = url or environ.get(URL) or stored.get("url", "")
    if not address:
        raise usage(f"which platform? Give --url, set {URL}, or run `quarterdeck login URL`")
    token = read_secret(token_file) if token_file else environ.get(TOKEN, "").strip()
    if not token and stored.get("url", "").rstrip("/") == address.rstrip("/"):
        token = stored.get("token", "")
    return Settings(address.rstrip("/"), token, ca_file or _known_ca(stored), timeout_s)


def read_config(path: Path) -> dict[str, str]:
    """What `quarterdeck login` stored; empty without a file. Refused when others can read it."""
    try:
        with path.open("rb") as handle:
            _check_private(os.fstat(handle.fileno()), path)
            data = tomllib.load(handle)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise usage(f"{path} is not TOML: run `quarterdeck login` again") from None
    return {name: value for name, value in data.items() if isinstance(value, str)}


def write_config(path: Path, values: Mapping[str, str]) -> None:
    """Replace the settings file, readable by its owner alone from its first byte on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        # A JSON string in ASCII is a basic string of TOML.
        handle.writelines(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    fresh.replace(path)


def read_secret(path: Path) -> str:
    """A token from a file, or from standard input for `-`."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise usage(f"{path} is not text") from None
    if not text.strip():
        raise usage(f"{path} is empty")
    return text.strip()


def _known_ca(stored: Mapping[str, Any]) -> Path | None:
    return Path(stored["ca_file"]) if stored.get("ca_file") else None


def _check_private(status: os.stat_result, path: Path) -> None:
    if status.st_mode & _OTHERS:
        raise usage(f"others can read {path}: make a new token, then `chmod 600 {path}`")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise usage("the address is not a URL") from None
    if parts.username or parts.password:
        raise usage("the address holds a password: give the token by QUARTERDECK_TOKEN or a file")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise usage("the address is https://HOST[:PORT], without anything behind it")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise usage("http would send the token in the clear: use https (http is for this machine alone)")
