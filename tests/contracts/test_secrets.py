"""Keys stay where they are: not in logs at any level, not in an exception, its causes or its traceback's values."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator

import pytest

from apps.venues import messages
from apps.venues.adapters.base import NoAnswer, VenueRejected
from apps.venues.keys import VenueKeys
from tests.contracts.rigs import WireRig, make_order
from tests.contracts.server import KEY, SECRET, Fault

FAULTS = [Fault.DROP_REPLY, Fault.ERROR_500, Fault.GARBAGE, Fault.EMPTY, Fault.HTML]


def _told(error: BaseException) -> Iterator[str]:
    """Everything that a log or a problem page could take from an exception."""
    yield from (str(error), repr(error), "".join(traceback.format_exception(error)))
    for behind in (error.__cause__, error.__context__):
        if behind is not None:
            yield from _told(behind)


def _is_clean(text: str) -> bool:
    return KEY not in text and SECRET not in text


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that is logged at the lowest level."""
    caplog.set_level(logging.DEBUG)
    return lambda: "\n".join(f"{record.getMessage()} {record.exc_text} {record.__dict__}" for record in caplog.records)


def test_a_venue_that_repeats_our_keys_in_its_refusal_does_not_spread_them(
    wire: WireRig, logged: Callable[[], str]
) -> None:
    """The stand-ins quote the key that they wanted when they meet another one."""
    client = wire.adapter._client  # type: ignore[attr-defined]
    if hasattr(client, "_rest"):
        client._rest._api_key = "another"
    else:
        client.exchange.apiKey = "another"

    with messages.listening() as kept, pytest.raises((VenueRejected, NoAnswer)) as refusal:
        wire.adapter.balances()

    assert kept
    assert _is_clean(json.dumps(kept))
    assert all(map(_is_clean, _told(refusal.value)))
    assert _is_clean(logged())


@pytest.mark.parametrize("fault", FAULTS)
def test_no_key_is_in_what_a_failure_tells_or_logs(wire: WireRig, logged: Callable[[], str], fault: Fault) -> None:
    wire.fail("submit", fault)

    with pytest.raises(NoAnswer) as failure:
        wire.adapter.submit(make_order())

    assert all(map(_is_clean, _told(failure.value)))
    assert _is_clean(logged())


def test_no_key_is_logged_when_all_goes_well(wire: WireRig, logged: Callable[[], str]) -> None:
    with messages.listening() as kept:
        wire.adapter.submit(make_order())

    assert kept
    assert _is_clean(logged() + json.dumps(kept))
    assert any(KEY in json.dumps(call.headers) for call in wire.server.calls), "the keys were needed at all"


def test_a_trades_report_is_kept_without_keys_that_the_venue_repeats(wire: WireRig) -> None:
    order = make_order()
    wire.adapter.submit(order)
    wire.fill(order.client_order_id)
    keys = wire.adapter._client._keys  # type: ignore[attr-defined]
    (before,) = wire.adapter.trades_since(0, 10)
    repeated = str(next(iter(before.raw.values())))
    object.__setattr__(keys, "extra", {"password": repeated})

    (after,) = wire.adapter.trades_since(0, 10)

    assert repeated not in [str(value) for value in after.raw.values()]


def test_of_an_answer_only_the_secrets_are_taken_out() -> None:
    keys = VenueKeys("paper", KEY, SECRET, {"uid": "12"})

    cleaned = keys.cleaned({"id": 7, "is_maker": True, "none": None, "echo": [f"of {KEY}", {SECRET: 12}], "uid": 312})

    assert cleaned == {
        "id": 7,
        "is_maker": True,
        "none": None,
        "echo": ["of [redacted]", {"[redacted]": "[redacted]"}],
        "uid": "3[redacted]",
    }


def test_keys_do_not_show_themselves() -> None:
    keys = VenueKeys("paper", KEY, SECRET, {"password": "a-pass-phrase"})

    assert _is_clean(repr(keys) + str(keys))
    assert "a-pass-phrase" not in repr(keys)
    assert keys.redact(f"{KEY} {SECRET} a-pass-phrase") == "[redacted] [redacted] [redacted]"
