"""Bills of materials: valid CycloneDX that agrees with the lockfile, made by the SDK; anything else is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from quarterdeck.build import sbom as made_by_sdk

from apps.bots import sbom
from apps.bots.models import CodeVersion
from tests import builders
from tests.bots.archives import BOT_TOML, FILES, make_zip
from tests.builders import Team, refused

LOCKFILE = b"""
# by hand
--no-binary :none:
Numpy==2.1.0 \\
    --hash=sha256:aaaa \\
    --hash=sha256:bbbb
zope.interface[test]==7.0  # via something
tomli==2.0.1 ; python_version < "3.11"
"""


def component(name: str, version: str, **more: Any) -> dict[str, Any]:
    return {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"} | more


def bill(*components: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": list(components)} | more


FITTING = (component("numpy", "2.1.0"), component("zope-interface", "7.0"), component("tomli", "2.0.1"))


def test_what_the_sdk_makes_of_a_lockfile_is_accepted_with_it(tmp_path: Path) -> None:
    (tmp_path / "bot.toml").write_text(BOT_TOML)
    (tmp_path / "requirements.lock").write_bytes(LOCKFILE)

    made = made_by_sdk(tmp_path)

    assert sbom.checked(made, LOCKFILE) == sbom.checked(json.loads(json.dumps(made)), LOCKFILE)
    listed = [(one.name, one.version) for one in sbom.components(made)]
    assert listed == [("numpy", "2.1.0"), ("tomli", "2.0.1"), ("zope-interface", "7.0")]


def test_the_sdk_makes_none_of_a_lockfile_that_pins_nothing(tmp_path: Path) -> None:
    (tmp_path / "bot.toml").write_text(BOT_TOML)
    (tmp_path / "requirements.lock").write_text("numpy>=2\n")

    with pytest.raises(ValueError, match="numpy>=2"):
        made_by_sdk(tmp_path)


@pytest.mark.parametrize("version", ["1.4", "1.5", "1.6"])
def test_each_supported_version_is_accepted(version: str) -> None:
    assert sbom.checked(bill(*FITTING, specVersion=version), LOCKFILE)


def test_what_is_no_package_of_the_index_needs_no_pin() -> None:
    assert sbom.checked(bill(*FITTING, {"type": "file", "name": "weights.bin"}), LOCKFILE)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({}, "SBOM_MALFORMED"),
        ([], "SBOM_MALFORMED"),
        ({"spdxVersion": "SPDX-2.3"}, "SBOM_MALFORMED"),
        (bill(*FITTING, specVersion="1.3"), "SBOM_MALFORMED"),
        (bill(*FITTING, specVersion=["1.6"]), "SBOM_MALFORMED"),
        (bill(*FITTING, serialNumber="x"), "SBOM_MALFORMED"),
        (bill(*FITTING, surprise=1), "SBOM_MALFORMED"),
        (bill({"name": "no type"}), "SBOM_MALFORMED"),
        (bill(component("a\0b", "1")), "SBOM_MALFORMED"),
        (bill(*FITTING, version=2**60), "SBOM_MALFORMED"),
        (bill(*[component(f"a{n}", "1") for n in range(800)]), "SBOM_TOO_LARGE"),
        (bill(component("a", "1" * 1_100_000)), "SBOM_TOO_LARGE"),
        (bill(), "SBOM_LOCKFILE_MISMATCH"),
        (bill(*FITTING[1:]), "SBOM_LOCKFILE_MISMATCH"),
        (bill(*FITTING[1:], component("numpy", "2.2.0")), "SBOM_LOCKFILE_MISMATCH"),
        (bill(*FITTING, component("left-pad", "1.0")), "SBOM_LOCKFILE_MISMATCH"),
    ],
)
def test_what_is_none_or_of_another_build_is_refused(document: Any, code: str) -> None:
    with refused(code):
        sbom.checked(document, LOCKFILE)


@pytest.mark.parametrize("lockfile", [b"numpy", b"numpy>=2", b"numpy==2,!=2.1", b"-r other.txt", b"\xff\xfe"])
def test_a_lockfile_that_pins_nothing_exactly_is_refused(lockfile: bytes) -> None:
    with refused("LOCKFILE_MALFORMED"):
        sbom.checked(bill(), lockfile)


def test_a_push_with_a_wrong_bill_stores_nothing(team: Team) -> None:
    path = builders.write_artifact(team.bot)

    with refused("SBOM_LOCKFILE_MISMATCH"):
        builders.push_code(team, path, sbom=bill(component("numpy", "2.1.0")))

    assert not CodeVersion.objects.exists()


def test_a_push_keeps_the_bill_with_its_digest(team: Team) -> None:
    path = builders.write_artifact(team.bot)
    files = FILES | {"bot.toml": BOT_TOML.replace("test-bot", team.bot.name), "requirements.lock": LOCKFILE}
    path.write_bytes(make_zip(files))

    code = builders.push_code(team, path, sbom=bill(*FITTING))

    assert len(sbom.components(code.sbom)) == 3
    assert code.sbom_sha256 == sbom.checked(bill(*FITTING), LOCKFILE)
