"""Software bills of materials: CycloneDX JSON 1.4 to 1.6, checked strictly and held against the build's lockfile.

Format: cyclonedx.org/docs/1.6/json; the schemas are those that cyclonedx-python-lib carries. Lockfile: the
requirements file format of pip, each line pinned with `==`. Names are compared as PEP 503 normalises them.
"""

import json
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from apps.bots.manifest import COMPARISONS_MAX, comparisons
from apps.common.api.parsers import check_storable
from apps.common.canonical import digest
from apps.common.errors import Invalid, Refused

VERSIONS = ("1.4", "1.5", "1.6")
BYTES_MAX = 1_048_576
PYPI = "pkg:pypi/"
TOLD_MAX = 10


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that a build is made of."""

    kind: str
    name: str
    version: str
    purl: str


def checked(document: Any, lockfile: bytes) -> str:
    """The SHA-256 of the canonical document when it is a valid one and agrees with the lockfile.

    Raises Invalid SBOM_MALFORMED or SBOM_TOO_LARGE, Invalid LOCKFILE_MALFORMED, Refused SBOM_LOCKFILE_MISMATCH.
    """
    sha256 = _digest(document)
    _check_schema(document)
    _check_agreement(document, lockfile)
    return sha256


def components(document: Any) -> list[Component]:
    """What a valid document lists at its top, by name."""
    listed = document.get("components", []) if isinstance(document, dict) else []
    found = [
        Component(one.get("type", ""), one.get("name", ""), one.get("version", ""), one.get("purl", ""))
        for one in listed
        if isinstance(one, dict)
    ]
    return sorted(found, key=lambda one: (one.name, one.version))


def pinned(lockfile: bytes) -> dict[str, set[str]]:
    """Versions by normalised name (markers may tell several apart); Invalid LOCKFILE_MALFORMED where one is open."""
    found: dict[str, set[str]] = {}
    for line in _lines(lockfile):
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            raise _malformed(line) from None
        pins = [one.version for one in requirement.specifier if one.operator in ("==", "===")]
        if len(pins) != 1 or len(requirement.specifier) != 1:
            raise _malformed(line)
        found.setdefault(canonicalize_name(requirement.name), set()).add(pins[0])
    return found


def _lines(lockfile: bytes) -> list[str]:
    """The requirements of a lockfile, without hashes, options, comments and continuations."""
    try:
        text = lockfile.decode().replace("\\\r\n", " ").replace("\\\n", " ")
    except UnicodeDecodeError:
        raise _malformed("it is not UTF-8") from None
    plain = (line.split(" #", 1)[0].split(" --", 1)[0].strip() for line in text.splitlines())
    return [line for line in plain if line and not line.startswith(("#", "--"))]


def _digest(document: Any) -> str:
    try:
        check_storable(document)
        sha256 = digest(document)
    except (ValueError, RecursionError) as error:
        raise Invalid("SBOM_MALFORMED", f"the SBOM is no plain JSON: {error}") from None
    if len(json.dumps(document)) > BYTES_MAX or comparisons(document) > COMPARISONS_MAX:
        raise Invalid("SBOM_TOO_LARGE", f"an SBOM has at most {BYTES_MAX} bytes and some 700 components")
    return sha256


def _check_schema(document: Any) -> None:
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        raise Invalid("SBOM_MALFORMED", "the SBOM must be CycloneDX JSON")
    version = document.get("specVersion")
    if version not in VERSIONS:
        raise Invalid("SBOM_MALFORMED", f"specVersion must be one of {', '.join(VERSIONS)}")
    # Loaded on the first SBOM: its schemas are of no use to anything else here.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.from_version(version)).validate_str(json.dumps(document))
    if error is not None:
        raise Invalid("SBOM_MALFORMED", f"the SBOM breaks the schema of CycloneDX {version}: {_worded(error)}")


def _worded(error: Any) -> str:
    data = error.data
    return f"{getattr(data, 'json_path', '$')}: {getattr(data, 'message', data)}"[:300]


def _check_agreement(document: Any, lockfile: bytes) -> None:
    """Each pinned package is listed in a version that is pinned, and no other package of that index is."""
    locked = pinned(lockfile)
    listed = {(canonicalize_name(one.name), one.version) for one in components(document) if one.purl.startswith(PYPI)}
    wrong = [
        f"{name} {version} is not in the lockfile" for name, version in listed if version not in locked.get(name, ())
    ]
    wrong += [f"{name} is not in the SBOM" for name in locked.keys() - {name for name, _ in listed}]
    if wrong:
        told = sorted(wrong)[:TOLD_MAX]
        raise Refused("SBOM_LOCKFILE_MISMATCH", f"SBOM and lockfile disagree: {'; '.join(told)}", problems=told)


def _malformed(line: str) -> Invalid:
    return Invalid("LOCKFILE_MALFORMED", f"requirements.lock: {line!r:.120} is not NAME==VERSION")
