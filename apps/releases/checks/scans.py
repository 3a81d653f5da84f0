"""The dependency scan: pip-audit over the lockfile of the build, where its advisories can be reached."""

import json
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from apps.bots import services as bots
from apps.common.errors import Refused, Unavailable
from apps.releases.checks.found import Found, Progress, bounds
from apps.releases.models import Gate, Release

LOCKFILE = "requirements.lock"
# Shorter than the lease under which the gate runs.
SCAN_TIMEOUT_S = 50
PACKAGES_MAX = 500
PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[A-Za-z0-9._, -]*\])?\s*==\s*([A-Za-z0-9][A-Za-z0-9.!+_-]*)")


def dependency_scan(gate: Gate, release: Release, progress: Progress) -> Found:
    """Known vulnerabilities of what the lockfile pins.

    Raises Refused LOCKFILE_MISSING, LOCKFILE_UNPINNED; Unavailable SCANNER_MISSING, ADVISORIES_UNREACHABLE: what could
    not be asked is an error, and never a pass.
    """
    found = bots.read_text(release.code_version, [LOCKFILE])
    if found is None:
        raise Refused("LOCKFILE_MISSING", f"the build holds no {LOCKFILE}: push one that pins what it needs")
    pins = pinned(found[1])
    progress(10)
    names = _vulnerable(pins) if pins else []
    return Found({"packages": len(pins), "vulnerabilities": len(names), "names": names[:100]}, bounds(gate))


def pinned(text: str) -> list[str]:
    """`name==version` of each requirement; options, addresses and files of the lockfile are never followed.

    Hashes and markers are left out. Refused LOCKFILE_UNPINNED for a line that pins nothing.
    """
    pins: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split(" #")[0].split(" --hash")[0].strip()
        if not words or words.startswith("#"):
            continue
        match = PINNED.fullmatch(words.split(";")[0].strip())
        if match is None or len(pins) == PACKAGES_MAX:
            raise Refused("LOCKFILE_UNPINNED", f"{LOCKFILE} must pin at most {PACKAGES_MAX} versions: {words[:100]!r}")
        pins.append(f"{match[1]}=={match[2]}")
    return pins


def _vulnerable(pins: list[str]) -> list[str]:
    """`package id` of every known vulnerability."""
    found = _advisories(pins)
    return sorted(f"{one['name']} {flaw['id']}" for one in found for flaw in one["vulns"])


def _advisories(pins: list[str]) -> list[dict[str, Any]]:
    if find_spec("pip_audit") is None:
        raise Unavailable("SCANNER_MISSING", "pip-audit is not installed where the gates worker runs")
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("".join(f"{pin}\n" for pin in pins))
        options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
        command = [sys.executable, "-m", "pip_audit", "-r", str(listed), "--cache-dir", folder, *options]
        answer = _run(command)
    try:
        found = json.loads(answer)["dependencies"]
        is_whole = len(found) == len(pins) and all("vulns" in one for one in found)
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise Unavailable("ADVISORIES_UNREACHABLE", "the index of advisories gave no whole answer: ask again later")
    return list(found)


def _run(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SCAN_TIMEOUT_S, check=False).stdout
    except subprocess.TimeoutExpired:
        raise Unavailable("ADVISORIES_UNREACHABLE", "the index of advisories did not answer in time") from None
