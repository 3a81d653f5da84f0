"""Packing a bot's folder into an artifact: the same files give the same bytes on any machine."""

import io
import zipfile
from pathlib import Path
from typing import Any

from quarterdeck.loading import BOT_TOML, read_bot_toml

LOCKFILE = "requirements.lock"
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_SKIPPED_FOLDERS = {"__pycache__", "tests", "dist", "node_modules"}
_SKIPPED_SUFFIXES = {".pyc", ".pyo"}
# Versioned apart from the code: the same build runs under other configurations and parameters.
_VERSIONED_APART = {"config.yaml", "parameters.yaml", "quarterdeck.yaml", "quarterdeck.toml"}


def build(folder: Path, target: Path | None = None) -> Path:
    """Write the artifact of a bot's folder, by default to dist/<name>-<version>.zip in it; its path.

    ValueError when bot.toml, what it names, or the lockfile is missing.
    """
    data = build_bytes(folder)
    if target is None:
        described = read_bot_toml(folder)
        target = folder / "dist" / f"{described['name']}-{described['version']}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def build_bytes(folder: Path) -> bytes:
    """The artifact's bytes: files sorted by name, fixed times and modes; no tests, caches or dot files.

    Stored, not compressed: compressors differ between machines.
    """
    _check(folder, read_bot_toml(folder))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in _files(folder):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _FIXED_TIME)
            info.external_attr = 0o100644 << 16
            info.create_system = 3
            archive.writestr(info, path.read_bytes())
    return buffer.getvalue()


def _check(folder: Path, described: dict[str, Any]) -> None:
    for field in ("name", "version", "entry_point"):
        if not isinstance(described.get(field), str):
            raise ValueError(f"{BOT_TOML}: {field} is missing")
    schema = described.get("parameters", {}).get("schema", "")
    for name in (schema, LOCKFILE):
        if not name or not (folder / name).is_file():
            raise ValueError(f"{name or 'parameters.schema'} is missing")


def _files(folder: Path) -> list[Path]:
    """What belongs into the artifact, in the order of the names in it; ValueError for a link."""
    chosen = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") or part in _SKIPPED_FOLDERS for part in parts):
            continue
        if path.is_symlink():
            raise ValueError(f"{path.name} is a link; artifacts hold plain files")
        if parts[0] in _VERSIONED_APART:
            continue
        if path.is_file() and path.suffix not in _SKIPPED_SUFFIXES:
            chosen.append(path)
    return sorted(chosen, key=lambda path: path.relative_to(folder).as_posix())
