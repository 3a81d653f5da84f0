"""Artifacts good and hostile, made in memory."""

import io
import json
import warnings
import zipfile
from collections.abc import Mapping

BOT_TOML = """
name = "test-bot"
version = "1.2.3"
entry_point = "bot:Bot"
language = "python"
[parameters]
schema = "parameters.schema.json"
[data]
interval = "1h"
fields = ["close"]
instruments = ["BTC-USD"]
[orders]
types = ["MARKET"]
sides = ["BUY", "SELL"]
"""
SCHEMA = json.dumps({"type": "object", "properties": {"n": {"type": "integer"}}})
FILES = {
    "bot.toml": BOT_TOML,
    "bot.py": "class Bot: ...",
    "parameters.schema.json": SCHEMA,
    "requirements.lock": "",
}


def make_zip(files: Mapping[str, str | bytes] = FILES, *extra: tuple[zipfile.ZipInfo | str, str | bytes]) -> bytes:
    """A zip of these files, then the extra entries as they are, duplicates included."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name, content in files.items():
            archive.writestr(_undated(name), content)
        for name, content in extra:
            archive.writestr(name, content)
    return buffer.getvalue()


def _undated(name: str) -> zipfile.ZipInfo:
    """An entry without the time of day: the same files are the same bytes, whenever they are written."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


def entry(name: str, mode: int = 0o100644, **attributes: int) -> zipfile.ZipInfo:
    """A directory entry with a Unix mode and whatever else is set on it."""
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.create_system = 3
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """The zip with a name replaced, byte by byte, in every header."""
    assert len(old) == len(new)
    assert data.count(old) >= 2
    return data.replace(old, new)
