"""What a message says: strict bounded JSON, its JSON Schema, and the mapping to an order's terms, all data."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jsonschema
import referencing

from apps.common import decimals
from apps.common.errors import DomainError, Invalid

BODY_BYTES_MAX = 65_536
SCHEMA_BYTES_MAX = 32_768
DEPTH_MAX = 20
NUMBER_CHARS_MAX = 60
REDACTED = "[redacted]"
EXPONENT = re.compile(r"[eE][+-]?\d{3,}")
INDEX = re.compile(r"0|[1-9][0-9]{0,4}", re.ASCII)
POINTER = {"type": "string", "pattern": r"^(/([^~/]|~[01])*){1,10}$(?!\n)", "maxLength": 200}
NUMBERS = ("quantity", "limit_price", "stop_price")
REQUIRED = ("side", "quantity", "order_type", "time_in_force", "purpose")
FLAGS = ("extended_hours",)
FIELDS = (*REQUIRED, "limit_price", "stop_price", "symbol", *FLAGS)
_CONSTANT = {
    "type": "object",
    "properties": {"value": {"type": "string", "minLength": 1, "maxLength": 60}},
    "required": ["value"],
    "additionalProperties": False,
}
_TAKEN = {
    "type": "object",
    "properties": {
        "at": POINTER,
        "values": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 50,
            "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 60},
        },
        "optional": {"type": "boolean"},
    },
    "required": ["at"],
    "additionalProperties": False,
}
MAPPING = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "From a message to an order: each field is a constant or is taken from the body",
    "type": "object",
    "properties": {name: {"oneOf": [_CONSTANT, _TAKEN]} for name in FIELDS},
    "required": list(REQUIRED),
    "additionalProperties": False,
}
ENVELOPE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Where a body that carries its own secret has it, its time and its id",
    "type": "object",
    "properties": dict.fromkeys(("secret", "timestamp", "id"), POINTER),
    "required": ["secret", "timestamp"],
    "additionalProperties": False,
}


class Unmapped(Invalid):
    """The body fits its schema and still is no order; `context` names the field, never its content."""


@dataclass(frozen=True, slots=True)
class Terms:
    """An order as a message asks for it, in the words of execution."""

    side: str
    quantity: Decimal
    order_type: str
    time_in_force: str
    purpose: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    symbol: str | None = None
    extended_hours: bool = False


def parse(raw: bytes) -> Any:
    """The body as JSON with exact numbers. Raises Invalid SIGNAL_SCHEMA for anything ambiguous or unbounded."""
    try:
        value = json.loads(
            raw,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_exact,
            parse_int=_whole,
        )
        _check_storable(value)
    except (ValueError, RecursionError):
        raise Invalid("SIGNAL_SCHEMA", "the body is not JSON that we take") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _exact(text: str) -> Decimal:
    if len(text) > NUMBER_CHARS_MAX or EXPONENT.search(text):
        raise ValueError("a number beyond what we take")
    return Decimal(text)


def _whole(text: str) -> int:
    if len(text) > NUMBER_CHARS_MAX:
        raise ValueError("a number beyond what we take")
    return int(text)


def _check_storable(value: Any, depth: int = 0) -> None:
    """Refuse NUL, lone surrogates (UnicodeEncodeError is a ValueError) and nesting beyond DEPTH_MAX."""
    if depth > DEPTH_MAX:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a NUL character")
        value.encode()
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_storable(name, depth + 1)
            _check_storable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_storable(item, depth + 1)


def check_schema(schema: Any) -> None:
    """Raise Invalid SCHEMA_INVALID unless it is a bounded 2020-12 schema of an object that refers to itself only."""
    problem = _schema_problem(schema)
    if problem:
        raise Invalid("SCHEMA_INVALID", f"this is no schema for a source: {problem}")


def _schema_problem(schema: Any) -> str:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return 'it must say "type": "object"'
    try:
        if len(json.dumps(schema, allow_nan=False)) > SCHEMA_BYTES_MAX:
            return f"it has more than {SCHEMA_BYTES_MAX} bytes"
        if any(not reference.startswith("#") for reference in _references(schema)):
            return "a reference must stay inside it"
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return f"{error.json_path}: {error.message[:200]}"
    except (ValueError, RecursionError):
        return "it has a number without an end or is nested too deep"
    return ""


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [str(schema[name]) for name in ("$ref", "$dynamicRef", "$id", "$schema") if name in schema]
        own = [one for one in own if one != "https://json-schema.org/draft/2020-12/schema"]
        return own + [found for item in schema.values() for found in _references(item)]
    if isinstance(schema, list):
        return [found for item in schema for found in _references(item)]
    return []


def check_mapping(mapping: Any) -> None:
    """Raise Invalid MAPPING_INVALID unless it fits MAPPING."""
    _check(mapping, MAPPING, "MAPPING_INVALID")


def check_envelope(envelope: Any) -> None:
    """Raise Invalid ENVELOPE_INVALID unless it fits ENVELOPE."""
    _check(envelope, ENVELOPE, "ENVELOPE_INVALID")


def _check(content: Any, schema: dict[str, Any], code: str) -> None:
    failure = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(content))
    if failure is not None:
        raise Invalid(code, f"{failure.json_path}: {failure.message[:300]}", at=failure.json_path)


def check_body(body: Any, schema: dict[str, Any]) -> None:
    """Raise Invalid SIGNAL_SCHEMA with the place of a failure, never the content, unless the body fits."""
    validator = jsonschema.Draft202012Validator(_exactly(schema), registry=referencing.Registry())
    try:
        failure = next(validator.iter_errors(body), None)
    except (ArithmeticError, RecursionError, referencing.exceptions.Unresolvable):
        raise Invalid("SIGNAL_SCHEMA", "the body cannot be checked by the source's schema") from None
    if failure is not None:
        raise Invalid("SIGNAL_SCHEMA", "the body does not fit the source's schema", at=failure.json_path[:200])


def _exactly(value: Any) -> Any:
    """The schema with exact numbers: a bound of 0.1 means 0.1."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: _exactly(item) for name, item in value.items()}
    return [_exactly(item) for item in value] if isinstance(value, list) else value


class _Missing:
    """What a pointer finds where nothing is."""


MISSING = _Missing()


def look(body: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901), or MISSING."""
    for name in _names(pointer):
        place = _place(body, name)
        if place is None:
            return MISSING
        body = body[place]
    return body


def _names(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _place(body: Any, name: str) -> Any:
    """The key or index by which `body` holds `name`, or None."""
    if isinstance(body, dict) and name in body:
        return name
    if isinstance(body, list) and INDEX.fullmatch(name) and int(name) < len(body):
        return int(name)
    return None


def redacted(body: Any, pointer: str) -> Any:
    """A copy of the body whose value at the pointer is gone; everything else stays."""
    return _without(body, _names(pointer))


def _without(body: Any, names: list[str]) -> Any:
    if not names:
        return REDACTED
    place = _place(body, names[0])
    if place is None:
        return body
    copy = body.copy()
    copy[place] = _without(body[place], names[1:])
    return copy


def terms(body: Any, mapping: Mapping[str, Any], words: Mapping[str, frozenset[str]]) -> Terms:
    """The order that the body asks for; `words` are the allowed values of each field that has some.

    Raises Unmapped SIGNAL_MAPPING with the field's name.
    """
    found: dict[str, Any] = {}
    for field, rule in mapping.items():
        value = _value(body, field, rule)
        if value is MISSING:
            continue
        found[field] = _term(value, field, words)
    return Terms(**found)


def _term(value: Any, field: str, words: Mapping[str, frozenset[str]]) -> Decimal | bool | str:
    if field in NUMBERS:
        return _number(value, field)
    return _flag(value, field) if field in FLAGS else _word(value, field, words)


def _value(body: Any, field: str, rule: Mapping[str, Any]) -> Any:
    if "value" in rule:
        return rule["value"]
    value = look(body, rule["at"])
    if value is MISSING or value is None:
        if rule.get("optional") and field not in REQUIRED:
            return MISSING
        raise _unmapped(field)
    if "values" not in rule:
        return value
    if not isinstance(value, str) or value not in rule["values"]:
        raise _unmapped(field)
    return rule["values"][value]


def _number(value: Any, field: str) -> Decimal:
    try:
        number = decimals.parse(value, field)
    except DomainError:
        raise _unmapped(field) from None
    if number <= 0:
        raise _unmapped(field)
    return number


def _flag(value: Any, field: str) -> bool:
    """A JSON boolean, or the word for one: constants and listed values of a mapping are texts."""
    said = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if not isinstance(said, bool):
        raise _unmapped(field)
    return said


def _word(value: Any, field: str, words: Mapping[str, frozenset[str]]) -> str:
    if not isinstance(value, str) or (field in words and value not in words[field]):
        raise _unmapped(field)
    return value


def _unmapped(field: str) -> Unmapped:
    return Unmapped("SIGNAL_MAPPING", f"the body gives no {field} that an order can have", field=field)
