"""Lines and messages: the documented ones work, malformed ones are refused."""

import json
import re
from decimal import Decimal as D
from pathlib import Path

import pytest
from quarterdeck.events import Bar, Fill, Inputs, OrderStatus, OrderUpdate, Signal
from quarterdeck.messages import (
    encode_event,
    inputs_fields,
    intent_fields,
    signal_fields,
    to_event,
    to_inputs,
    to_instrument,
    to_intent,
    to_signal,
)
from quarterdeck.protocol import LINE_BYTES_MAX, ProtocolError, decode, encode
from quarterdeck.simvalues import SimConfig

DOCUMENT = (Path(__file__).resolve().parents[2] / "sdk" / "PROTOCOL.md").read_text()
EXAMPLES = {decode(line.encode())["type"]: line for line in re.findall(r"```json\n(.+)\n```", DOCUMENT)}
INTENT = decode(EXAMPLES["intent"].encode())


def test_document_shows_every_message():
    assert set(EXAMPLES) == {
        *("start", "bar", "fill", "order", "flush", "simulate", "batch", "stop"),
        *("intent", "signal", "inputs", "done", "error", "sandbox"),
    }


@pytest.mark.parametrize("kind", ["bar", "fill", "order"])
def test_documented_events_are_what_the_host_writes(kind):
    event = to_event(decode(EXAMPLES[kind].encode()))

    assert encode_event(event).decode().strip() == EXAMPLES[kind]


@pytest.mark.parametrize(
    ("kind", "read", "fields"),
    [
        ("intent", to_intent, intent_fields),
        ("signal", to_signal, signal_fields),
        ("inputs", to_inputs, inputs_fields),
    ],
)
def test_documented_answers_are_what_a_bot_writes(kind, read, fields):
    message = decode(EXAMPLES[kind].encode())

    assert encode(kind, fields(read(message))).decode().strip() == EXAMPLES[kind]


def test_documented_start_and_simulation_are_understood():
    [instrument] = decode(EXAMPLES["start"].encode())["instruments"]

    assert to_instrument(instrument).symbol == "BTC-USD"
    config = decode(EXAMPLES["simulate"].encode())["config"]
    assert SimConfig.from_json(config).to_json() == config


@pytest.mark.parametrize(
    "event",
    [
        Bar("X", 0, 1, D("1E+2"), D(1), D(1), D(1), D("0.10")),
        OrderUpdate(1, OrderStatus.CANCELED, "CODE", "x" * 500, 5),
    ],
)
def test_events_survive_the_line_in_one_form(event):
    line = encode_event(event)

    assert encode_event(to_event(decode(line))) == line


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"nonsense",
        b"\xff",
        b"[" * 99_999,
        b'{"v":2,"type":"bar"}',
        b'{"v":1}',
        b'{"v":1,"type":7}',
        b'{"v":1,"type":"done","x":NaN}',
        b'{"v":1,"type":"x","y":"' + b"z" * LINE_BYTES_MAX + b'"}',
    ],
)
def test_lines_that_are_no_message_are_refused(line):
    with pytest.raises(ProtocolError):
        decode(line)


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": "NaN"},
        {"quantity": "-1"},
        {"quantity": "0"},
        {"quantity": 1},
        {"quantity": "1e5"},
        {"limit_price": "0"},
        {"limit_price": None},
        {"seq": -1},
        {"seq": True},
        {"seq": 2**70},
        {"side": "LONG"},
        {"order_type": "ICEBERG"},
        {"time_in_force": "GTD"},
        {"purpose": "FUN"},
        {"reduce_only": 0},
        {"instrument": ""},
        {"instrument": "A\nB"},
        {"instrument": "A" * 65},
    ],
)
def test_malformed_intents_are_refused(change):
    with pytest.raises(ProtocolError):
        to_intent(INTENT | change)


@pytest.mark.parametrize("field", [name for name in INTENT if name not in ("v", "type", "limit_price")])
def test_incomplete_intents_are_refused(field):
    with pytest.raises(ProtocolError):
        to_intent({name: value for name, value in INTENT.items() if name != field})


def test_too_long_a_message_is_not_written():
    with pytest.raises(ProtocolError):
        encode("done", {"checkpoint": "x" * LINE_BYTES_MAX})


def test_notes_are_bounded():
    with pytest.raises(ProtocolError):
        to_inputs({"values": {str(n): "1" for n in range(65)}, "market_ms": 1})
    with pytest.raises(ProtocolError):
        to_inputs({"values": {"a": "x" * 201}, "market_ms": 1})
    assert to_signal({"name": "a", "value": "1", "market_ms": 1}) == Signal("a", D(1), 1)
    assert to_inputs(json.loads('{"values":{"a":"1"},"market_ms":1}')) == Inputs({"a": "1"}, 1)


def test_a_fill_the_bot_did_not_send_has_no_intent():
    fill = to_event(decode(EXAMPLES["fill"].encode()) | {"intent_seq": None})

    assert isinstance(fill, Fill)
    assert fill.intent_seq is None
