"""What a build says about itself in bot.toml, checked."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from apps.bots.archive import ArtifactRefused
from apps.common.api.parsers import check_storable
from apps.common.canonical import loads_strict

BOT_TOML = "bot.toml"
LOCKFILE = "requirements.lock"
TEXT_BYTES_MAX = 256 * 1_024
# Bounds on what a parser takes much longer for than its length says: names in names, lists compared with themselves.
TOML_BYTES_MAX = 32 * 1_024
TOML_LINE_MAX = 400
COMPARISONS_MAX = 500_000
LOCKFILE_BYTES_MAX = 2 * 1_048_576
INTERVALS = ("1m", "5m", "15m", "1h", "4h", "1d")
FIELDS = ("open", "high", "low", "close", "volume")
ORDER_TYPES = ("MARKET", "LIMIT", "STOP", "STOP_LIMIT")
SIDES = ("BUY", "SELL")
SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
_ENTRY_POINT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
# The expression semver.org publishes.
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-((0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(\+([0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked artifact: its digests, its bot.toml (read and as it stands) and its parameter schema."""

    sha256: str
    tree_sha256: str
    packed_bytes: int
    unpacked_bytes: int
    file_count: int
    name: str
    version: str
    entry_point: str
    language: str
    parameters_schema: dict[str, Any]
    interval: str
    fields: tuple[str, ...]
    instruments: tuple[str, ...]
    order_types: tuple[str, ...]
    sides: tuple[str, ...]
    lockfile_sha256: str | None
    lockfile: bytes
    bot_toml: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """What reading an archive through has found: digests by file name, and the small texts."""

    sha256: str
    tree_sha256: str
    packed_bytes: int
    unpacked_bytes: int
    digests: dict[str, str]
    read_text: Callable[[str], bytes]


def describe(contents: Contents) -> Manifest:
    """The manifest of an archive's contents; ArtifactRefused naming what bot.toml lacks."""
    data = _parse_toml(contents)
    entry_point = _matching(data, "entry_point", _ENTRY_POINT)
    _check_module(entry_point, contents.digests)
    if data.get("language") != "python":
        raise ArtifactRefused("ARTIFACT_LANGUAGE", 'bot.toml: language must be "python".')
    data_contract, orders = _table(data, "data"), _table(data, "orders")
    return Manifest(
        sha256=contents.sha256,
        tree_sha256=contents.tree_sha256,
        packed_bytes=contents.packed_bytes,
        unpacked_bytes=contents.unpacked_bytes,
        file_count=len(contents.digests),
        name=_matching(data, "name", _NAME),
        version=_matching(data, "version", _SEMVER),
        entry_point=entry_point,
        language="python",
        parameters_schema=_schema(contents, _table(data, "parameters").get("schema")),
        interval=_words([data_contract.get("interval")], "data.interval", INTERVALS)[0],
        fields=_words(data_contract.get("fields"), "data.fields", FIELDS),
        instruments=_words(data_contract.get("instruments", []), "data.instruments", None),
        order_types=_words(orders.get("types"), "orders.types", ORDER_TYPES),
        sides=_words(orders.get("sides"), "orders.sides", SIDES),
        lockfile_sha256=contents.digests.get(LOCKFILE),
        lockfile=contents.read_text(LOCKFILE) if LOCKFILE in contents.digests else b"",
        bot_toml=data,
    )


def _parse_toml(contents: Contents) -> dict[str, Any]:
    if BOT_TOML not in contents.digests:
        raise ArtifactRefused("ARTIFACT_MANIFEST_MISSING", f"There is no {BOT_TOML} at the top.")
    try:
        text = contents.read_text(BOT_TOML).decode()
        if len(text) > TOML_BYTES_MAX or any(len(line) > TOML_LINE_MAX for line in text.splitlines()):
            raise ValueError(f"at most {TOML_BYTES_MAX} bytes, in lines of at most {TOML_LINE_MAX}")
        data = tomllib.loads(text)
        _check_plain(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise ArtifactRefused("ARTIFACT_MANIFEST_INVALID", f"{BOT_TOML}: {error}.") from None
    return data


def _schema(contents: Contents, name: object) -> dict[str, Any]:
    """The parameter schema: JSON Schema 2020-12 of an object, without references."""
    if not isinstance(name, str) or name not in contents.digests:
        raise ArtifactRefused("ARTIFACT_SCHEMA_MISSING", "The file parameters.schema names is not there.")
    try:
        schema = loads_strict(contents.read_text(name).decode())
        _check_plain(schema)
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise ValueError("it must describe an object")
        if schema.get("$schema", SCHEMA_DIALECT) != SCHEMA_DIALECT:
            raise ValueError("the dialect must be 2020-12")
        Draft202012Validator.check_schema(schema)
        _check_keywords(schema)
    except SchemaError as error:
        raise ArtifactRefused("ARTIFACT_SCHEMA_INVALID", f"{name}: {error.message[:200]}.") from None
    except (ValueError, RecursionError) as error:
        raise ArtifactRefused("ARTIFACT_SCHEMA_INVALID", f"{name}: {error}.") from None
    return schema


def _check_plain(value: object) -> None:
    """ValueError or TypeError for what the database does not keep as JSON: TOML's dates, NaN, NUL, great depth."""
    check_storable(value)
    json.dumps(value, allow_nan=False)
    if comparisons(value) > COMPARISONS_MAX:
        raise ValueError("lists that long are not accepted")


def comparisons(value: object) -> int:
    """How many pairs a validator may have to compare to find that the items of every list differ."""
    if isinstance(value, list):
        return len(value) ** 2 + sum(map(comparisons, value))
    return sum(map(comparisons, value.values())) if isinstance(value, dict) else 0


def _check_keywords(value: object) -> None:
    """ValueError for a reference (it could fetch, or never end) or a pattern that is no expression."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("$ref", "$dynamicRef") and isinstance(inner, str):
                raise ValueError(f"{key} is not supported: write the schema out")
            if key == "pattern" and isinstance(inner, str):
                _check_pattern(inner)
            if key == "patternProperties" and isinstance(inner, dict):
                for pattern in inner:
                    _check_pattern(pattern)
            _check_keywords(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_keywords(inner)


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"the pattern {pattern!r:.80} is malformed: {error}") from None


def _check_module(entry_point: str, names: dict[str, str]) -> None:
    path = entry_point.partition(":")[0].replace(".", "/")
    if f"{path}.py" not in names and f"{path}/__init__.py" not in names:
        raise ArtifactRefused("ARTIFACT_ENTRY_POINT", f"There is no module for {entry_point}.")


def _matching(data: dict[str, Any], field: str, pattern: re.Pattern[str]) -> str:
    value = data.get(field)
    if not isinstance(value, str) or len(value) > 100 or not pattern.fullmatch(value):
        raise ArtifactRefused("ARTIFACT_MANIFEST_INVALID", f"bot.toml: {field} is missing or malformed.")
    return value


def _table(data: dict[str, Any], field: str) -> dict[str, Any]:
    value = data.get(field)
    if not isinstance(value, dict):
        raise ArtifactRefused("ARTIFACT_MANIFEST_INVALID", f"bot.toml: the table [{field}] is missing.")
    return value


def _words(value: object, field: str, known: tuple[str, ...] | None) -> tuple[str, ...]:
    """Distinct words of a list, all known where there is a list of those."""
    is_list = isinstance(value, list) and all(isinstance(word, str) and 0 < len(word) <= 64 for word in value)
    if not is_list or not isinstance(value, list) or len(set(value)) != len(value):
        raise ArtifactRefused("ARTIFACT_MANIFEST_INVALID", f"bot.toml: {field} is missing or malformed.")
    if known is not None and (not value or not set(value) <= set(known)):
        raise ArtifactRefused("ARTIFACT_MANIFEST_INVALID", f"bot.toml: {field} takes {', '.join(known)}.")
    return tuple(value)
