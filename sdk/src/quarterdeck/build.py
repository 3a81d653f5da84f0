"""Packing a bot's folder into an artifact, and its bill of materials: the same files give the same bytes anywhere."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from quarterdeck.loading import BOT_TOML, read_bot_toml

LOCKFILE = "requirements.lock"
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;\\]+)")
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


def sbom(folder: Path) -> dict[str, Any]:
    """The CycloneDX 1.6 bill of materials of a bot's folder: the packages that requirements.lock pins.

    ValueError for a line of the lockfile that pins no exact version.
    """
    described = read_bot_toml(folder)
    pins = _pins((folder / LOCKFILE).read_text(encoding="utf-8"))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": described["name"],
                "name": described["name"],
                "version": described["version"],
            }
        },
        "components": [_component(name, version) for name, version in pins],
    }


def _component(name: str, version: str) -> dict[str, str]:
    purl = f"pkg:pypi/{name}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _pins(lockfile: str) -> list[tuple[str, str]]:
    """Name, as PEP 503 normalises it, and version of each pinned package, sorted."""
    found = set()
    for line in re.sub(r"\\\r?\n", " ", lockfile).splitlines():
        text = line.split(" #", 1)[0].strip()
        if not text or text.startswith(("#", "--")):
            continue
        pin = _PIN.match(text)
        if pin is None:
            raise ValueError(f"{LOCKFILE}: {text[:80]!r} pins no exact version")
        found.add((re.sub(r"[-_.]+", "-", pin[1]).lower(), pin[2]))
    return sorted(found)


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
