"""Failures of a JSON Schema (2020-12), each at its line and with a way to mend it."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import jsonschema

from apps.common.located import FINDINGS_MAX, Document, Finding, Path

SHOWN_MAX = 200


def misfits(document: Document, value: Any, schema: Mapping[str, Any], at: Path = ()) -> list[Finding]:
    """Where `value`, which stands at `at` in the document, does not fit `schema`; in the order of its lines."""
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    found = [finding for error in errors for finding in _findings(document, error, at)]
    return sorted(found, key=lambda one: (one.line, one.column))[:FINDINGS_MAX]


def _findings(document: Document, error: Any, at: Path) -> Iterator[Finding]:
    if error.context:
        yield from _nearest(document, error, at)
        return
    path = (*at, *error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        yield from _unknown_names(document, error, path)
        return
    yield document.finding(
        _CODES.get(error.validator, "SHAPE"), path, error.message[:SHOWN_MAX], _fix(document, path, error)
    )


def _nearest(document: Document, error: Any, at: Path) -> Iterator[Finding]:
    """The failures of the alternative that was meant: the one of the value's own type."""
    is_object = isinstance(error.instance, dict)
    chosen = [
        inner
        for inner in error.context
        if (error.schema[error.validator][inner.schema_path[0]].get("type") == "object") is is_object
    ]
    for inner in chosen or error.context[:1]:
        yield from _findings(document, inner, at)


_CODES = {
    "required": "NAME_MISSING",
    "dependentRequired": "NAME_MISSING",
    "type": "TYPE_WRONG",
    "enum": "VALUE_UNKNOWN",
}


def _unknown_names(document: Document, error: Any, path: Path) -> Iterator[Finding]:
    known = list(error.schema.get("properties", {}))
    for name in error.instance:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            fix = f"write {near[0]}" if near else f"take it out; known are {', '.join(known)[:SHOWN_MAX]}"
            yield document.finding("NAME_UNKNOWN", (*path, name), f"{name} is not known here", fix)


def _fix(document: Document, path: Path, error: Any) -> str:
    text = document.place(path).text
    if error.validator == "type" and error.validator_value == "string" and text:
        return f'write it as a string: "{text[:40]}"'
    if error.validator == "enum":
        near = get_close_matches(str(error.instance), [str(one) for one in error.validator_value], n=1)
        return f"write {near[0]}" if near else f"write one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "pattern" and isinstance(error.instance, str):
        return 'write it like "0.25", "btc-trend", "22:00" or as the schema says'
    if error.validator in ("required", "dependentRequired"):
        return "add it"
    if error.validator == "const":
        return f"write {error.validator_value}"
    return "change it as the schema says"
