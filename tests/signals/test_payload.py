"""What a message says: exact, bounded, as its schema and mapping have it."""

from decimal import Decimal
from typing import Any

import pytest

from apps.execution.signals.rules import payload
from apps.execution.signals.rules.payload import Terms, check_body, check_mapping, check_schema, look, parse, redacted
from tests.builders import refused
from tests.signals.builders import LONG, MAPPING, SCHEMA

WORDS = {"side": frozenset({"BUY", "SELL"}), "order_type": frozenset({"LIMIT"})}


def mapped(body: Any, **rules: Any) -> Terms:
    """The body by the mapping with some rules replaced."""
    return payload.terms(body, MAPPING | rules, WORDS)


def test_numbers_are_exact() -> None:
    body = parse(b'{"size": 0.1000000000000000055, "count": 3}')

    assert body == {"size": Decimal("0.1000000000000000055"), "count": 3}
    assert isinstance(body["count"], int)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": "nul\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"a": 1e999}',
        b'{"a": 1e-100}',
        b'{"a": ' + b"9" * 61 + b"}",
        b'{"a": 0.' + b"9" * 60 + b"}",
        b"[" * 60_000,
        b'{"a": ' * 21 + b"1" + b"}" * 21,
    ],
)
def test_ambiguous_or_unbounded_json_is_refused(raw: bytes) -> None:
    with refused("SIGNAL_SCHEMA"):
        parse(raw)


@pytest.mark.parametrize(
    "schema",
    [
        [],
        {},
        {"type": "array"},
        {"type": "object", "properties": {"a": {"type": "decimal"}}},
        {"type": "object", "properties": {"a": {"$ref": "https://example.org/schema"}}},
        {"type": "object", "properties": {"a": {"$dynamicRef": "other.json"}}},
        {"type": "object", "$id": "https://example.org/schema"},
        {"type": "object", "$schema": "http://json-schema.org/draft-04/schema#"},
        {"type": "object", "properties": {"a": {"pattern": "("}}},
        {"type": "object", "description": "x" * 40_000},
        {"type": "object", "maximum": float("inf")},
    ],
)
def test_a_schema_that_cannot_bound_a_body_is_refused(schema: Any) -> None:
    with refused("SCHEMA_INVALID"):
        check_schema(schema)


def test_a_schema_may_refer_to_itself() -> None:
    check_schema({"type": "object", "$defs": {"a": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/a"}}})


@pytest.mark.parametrize(
    ("schema", "raw"),
    [
        (SCHEMA, b"[]"),
        (SCHEMA, b"null"),
        (SCHEMA, b'{"action": "long"}'),
        (SCHEMA, b'{"action": "long", "size": true}'),
        (SCHEMA, b'{"action": "long", "size": "1", "extra": 1}'),
        ({"type": "object", "properties": {"a": {"maximum": 0.3}}}, b'{"a": 0.3000000000000000001}'),
        ({"type": "object", "properties": {"a": {"multipleOf": 0.1}}}, b'{"a": 0.35}'),
        ({"type": "object", "$ref": "#"}, b"{}"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}, b'{"a": 1}'),
    ],
)
def test_a_body_outside_the_schema_is_refused(schema: dict[str, Any], raw: bytes) -> None:
    with refused("SIGNAL_SCHEMA"):
        check_body(parse(raw), schema)


@pytest.mark.parametrize("raw", [b'{"a": 0.3}', b'{"a": 0}', b'{"a": 3e-1}'])
def test_bounds_are_exact(raw: bytes) -> None:
    check_body(parse(raw), {"type": "object", "properties": {"a": {"maximum": 0.3, "multipleOf": 0.1}}})


def test_a_refusal_names_the_place_and_not_the_content() -> None:
    with pytest.raises(payload.Invalid) as caught:
        check_body({"action": "long", "size": {"hidden": "content"}}, SCHEMA)

    assert caught.value.context == {"at": "$.size"}
    assert "content" not in f"{caught.value}{caught.value.context}"


def test_pointers_find_values() -> None:
    body = {"a/b": {"~": [1, {"c": 2}]}, "": 3}

    assert look(body, "/a~1b/~0/1/c") == 2
    assert look(body, "/") == 3
    for pointer in ("/a", "/a~1b/~0/2", "/a~1b/~0/-1", "/a~1b/~0/01", "/a~1b/~0/x", "/a~1b/~0/0/c"):
        assert look(body, pointer) is payload.MISSING


def test_a_redacted_body_lost_that_value_alone() -> None:
    body = {"a": [{"key": "secret", "b": 1}], "c": 2}

    assert redacted(body, "/a/0/key") == {"a": [{"key": "[redacted]", "b": 1}], "c": 2}
    assert body["a"][0]["key"] == "secret"
    assert redacted(body, "/a/1/key") == body


@pytest.mark.parametrize("size", ["1.5", Decimal("1.50"), Decimal("15E-1")])
def test_a_body_becomes_an_order(size: Any) -> None:
    found = mapped({"action": "short", "size": size, "price": "100"})

    assert found == Terms("SELL", Decimal("1.5"), "LIMIT", "GTC", "OPENING", limit_price=Decimal(100))


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("side", LONG | {"action": "LONG"}),
        ("side", LONG | {"action": ["long"]}),
        ("side", LONG | {"action": None}),
        ("quantity", LONG | {"size": "1e3"}),
        ("quantity", LONG | {"size": "NaN"}),
        ("quantity", LONG | {"size": True}),
        ("quantity", LONG | {"size": "0"}),
        ("quantity", LONG | {"size": "-1"}),
        ("quantity", LONG | {"size": 1.5}),
        ("quantity", {"action": "long", "price": "1"}),
        ("limit_price", {"action": "long", "size": "1"}),
        ("symbol", LONG | {"symbol": 5}),
    ],
)
def test_what_no_order_can_have_is_refused_by_its_field(field: str, body: Any) -> None:
    with pytest.raises(payload.Unmapped) as caught:
        mapped(body)

    assert (caught.value.code, caught.value.context) == ("SIGNAL_MAPPING", {"field": field})


def test_words_are_of_the_vocabulary() -> None:
    with pytest.raises(payload.Unmapped):
        mapped(LONG, side={"at": "/action"})


def test_an_optional_field_may_be_missing_but_no_required_one() -> None:
    assert mapped({"action": "long", "size": "1"}, limit_price={"at": "/price", "optional": True}).limit_price is None
    with pytest.raises(payload.Unmapped):
        mapped({"action": "long", "price": "1"}, quantity={"at": "/size", "optional": True})


@pytest.mark.parametrize(
    ("rule", "body", "wish"),
    [
        ({"at": "/night", "optional": True}, {}, False),
        ({"at": "/night"}, {"night": True}, True),
        ({"at": "/night"}, {"night": "false"}, False),
        ({"value": "true"}, {}, True),
        ({"at": "/night", "values": {"yes": "true", "no": "false"}}, {"night": "yes"}, True),
    ],
)
def test_a_message_may_ask_for_extended_hours(rule: Any, body: Any, wish: bool) -> None:
    assert mapped(LONG | body, extended_hours=rule).extended_hours is wish


@pytest.mark.parametrize("night", [1, 0, "yes", "True", None, [True]])
def test_what_is_no_flag_is_refused_by_its_field(night: Any) -> None:
    with pytest.raises(payload.Unmapped) as caught:
        mapped(LONG | {"night": night}, extended_hours={"at": "/night"})

    assert caught.value.context == {"field": "extended_hours"}


@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {name: rule for name, rule in MAPPING.items() if name != "quantity"},
        MAPPING | {"account": {"value": "other"}},
        MAPPING | {"deployment": {"at": "/deployment"}},
        MAPPING | {"side": {"at": "action"}},
        MAPPING | {"side": {"at": "/action", "value": "BUY"}},
        MAPPING | {"side": {"eval": "1"}},
        MAPPING | {"side": "BUY"},
        MAPPING | {"side": {"at": "/~2"}},
        MAPPING | {"quantity": {"value": 1}},
        MAPPING | {"side": {"at": "/a", "values": {"long": 1}}},
    ],
)
def test_a_mapping_is_data_of_known_fields(mapping: Any) -> None:
    with refused("MAPPING_INVALID"):
        check_mapping(mapping)
