"""The lock files: every package pinned with hashes, one version each, no addresses."""

import json
import re

import pytest

from controlplane.supervisor.installation import ROOT

NAMES = ("requirements.txt", "requirements-dev.txt", "requirements-embedded.txt", "requirements-node.txt")
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_every_requirement_is_pinned_with_a_hash(name: str) -> None:
    text = re.sub(r"^\s*#.*\n?", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    assert [entry for entry in entries if not (PIN.match(entry) and "--hash=sha256:" in entry)] == []


@pytest.mark.parametrize("name", [*NAMES, "package-lock.json", "package.json", ".npmrc"])
def test_lock_files_name_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.findall(r"\w+://(?!opencollective\.com|github\.com|www\.patreon\.com)\S+", text) == []
    assert '"resolved"' not in text


def test_lock_files_agree_on_every_version() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for name in NAMES:
        for line in (ROOT / name).read_text().splitlines():
            if pin := PIN.match(line):
                marker = line.partition(";")[2].rstrip(" \\")
                found.setdefault((pin[1], marker), set()).add(pin[2])
    assert {key: versions for key, versions in found.items() if len(versions) > 1} == {}


def test_every_direct_requirement_is_locked() -> None:
    for name in NAMES:
        wanted = _direct((ROOT / name).with_suffix(".in").read_text())
        assert wanted <= {pin[1] for pin in PIN.finditer((ROOT / name).read_text())}, name


def test_embedded_servers_are_not_among_the_product_requirements() -> None:
    product = (ROOT / "requirements.txt").read_text()
    assert [name for name in _direct((ROOT / "requirements-embedded.in").read_text()) if name in product] == []


def test_browser_packages_are_locked_by_integrity() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert [name for name, entry in packages.items() if name and not entry.get("integrity")] == []


def _direct(text: str) -> set[str]:
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    names = {re.split(r"[\[<>=;~! ]", line)[0].lower() for line in lines if line and not line.startswith("-")}
    return {re.sub(r"[-_.]+", "-", name) for name in names}
