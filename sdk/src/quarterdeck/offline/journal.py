"""The journal of what was done without the platform: JSON lines, each chained to the one before and signed.

A line is canonical JSON (sorted keys, no spaces) with `hash`, the SHA-256 of the line without `hash` and
`signature`, and `signature`, Ed25519 over that hash in hex. `previous` is the hash of the line before, so that
nothing can be changed, left out, swapped or put in between; the last line says `closed`, so that nothing can be
cut off its end.
"""

import base64
import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from quarterdeck.sign import SigningKey

START = "0" * 64


class JournalTamperedError(ValueError):
    """The journal is not what a trusted key signed; `line` is where it shows, counted from one."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


class Journal:
    """A new journal at `path`; each act is on the disk before `write` returns."""

    def __init__(self, path: Path, key: SigningKey) -> None:
        self._key = key
        self._name = str(uuid.uuid4())
        self._previous, self._sequence = START, 0
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")

    def write(self, act: str, **detail: Any) -> None:
        """Append one act with its details (JSON values)."""
        self._sequence += 1
        line: dict[str, Any] = {
            "journal": self._name,
            "sequence": self._sequence,
            "previous": self._previous,
            "at": datetime.now(UTC).isoformat(),
            "act": act,
            "key_id": self._key.key_id,
            **detail,
        }
        line["hash"] = hash_of(line)
        line["signature"] = base64.b64encode(self._key.private.sign(line["hash"].encode())).decode()
        self._file.write(canonical(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._previous = line["hash"]

    def close(self) -> None:
        """Say that it ends here."""
        self.write("closed")
        self._file.close()


def canonical(line: Mapping[str, Any]) -> str:
    """The one way to write a line."""
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_of(line: Mapping[str, Any]) -> str:
    """The SHA-256, in hex, of the line without its hash and signature."""
    bare = {name: value for name, value in line.items() if name not in ("hash", "signature")}
    return hashlib.sha256(canonical(bare).encode()).hexdigest()


def verified(text: str, trusted: Iterable[str], *, is_whole: bool = True) -> list[dict[str, Any]]:
    """The lines of a journal that keys in `trusted` (base64 of the raw public keys) signed, in their order.

    Raises JournalTamperedError; with `is_whole=False` the journal may end early, as that of a machine that died.
    """
    keys = _keys(trusted)
    lines: list[dict[str, Any]] = []
    previous, name, signer = START, None, None
    for number, written in enumerate(text.splitlines(), 1):
        line = _parsed(written, number)
        name, signer = name or line.get("journal"), signer or line.get("key_id")
        found = (line.get("journal"), line.get("key_id"), line.get("sequence"), line.get("previous"))
        if found != (name, signer, number, previous):
            raise JournalTamperedError(number, "it does not follow the line before")
        if lines and lines[-1]["act"] == "closed":
            raise JournalTamperedError(number, "it comes after the end")
        _check_signature(line, keys, number)
        previous = line["hash"]
        lines.append(line)
    if not lines or (is_whole and lines[-1]["act"] != "closed"):
        raise JournalTamperedError(len(lines) + 1, "the end is missing")
    return lines


def _keys(trusted: Iterable[str]) -> dict[str, Ed25519PublicKey]:
    raw = [base64.b64decode(text, validate=True) for text in trusted]
    return {hashlib.sha256(key).hexdigest()[:16]: Ed25519PublicKey.from_public_bytes(key) for key in raw}


def _parsed(written: str, number: int) -> dict[str, Any]:
    try:
        line = json.loads(written)
    except ValueError:
        line = None
    if not isinstance(line, dict) or canonical(line) != written or not isinstance(line.get("act"), str):
        raise JournalTamperedError(number, "it is no line of a journal")
    return line


def _check_signature(line: dict[str, Any], keys: dict[str, Ed25519PublicKey], number: int) -> None:
    key = keys.get(str(line.get("key_id")))
    if key is None:
        raise JournalTamperedError(number, "its key is not trusted here")
    if line.get("hash") != hash_of(line):
        raise JournalTamperedError(number, "it was changed")
    try:
        key.verify(base64.b64decode(str(line.get("signature")), validate=True), str(line["hash"]).encode())
    except (InvalidSignature, ValueError):
        raise JournalTamperedError(number, "its signature does not hold") from None
