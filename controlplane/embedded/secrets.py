"""Passwords and the signing key of an embedded installation, generated once and kept in one file."""

import json
import os
import secrets
from pathlib import Path

NAMES = ("owner", "app", "read", "redis", "django")


def load_or_create(folder: Path) -> dict[str, str]:
    """Return the installation's secrets; the first call writes them, readable by us alone."""
    path = folder / "secrets" / "embedded.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        values = {name: secrets.token_urlsafe(32) for name in NAMES}
        write_privately(path, json.dumps(values, indent=1))
    return dict(json.loads(path.read_text()))


def write_privately(path: Path, text: str) -> None:
    """Write a 0600 file in one step; a reader sees all of it or nothing."""
    part = path.with_suffix(f".{os.getpid()}")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    part.rename(path)
