"""Ten thousand messages that must not pass: mutated, replayed, stale, future, of another key; and none is taken.

The valid ones are signed by the scheme's own library, not by the code under test. A failure prints its seed.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from apps.common.clocks import wall_now
from apps.execution.signals.models import Signal, SignalSource
from apps.execution.signals.rules.verification import Headers, new_key
from apps.execution.signals.services import Delivery
from tests.markets.builders import BY
from tests.signals.builders import (
    HOME,
    LONG,
    Desk,
    activate,
    code_of,
    count,
    make_source,
    message,
    receive,
    signals,
    weak_message,
)
from tests.signals.test_reception_over_http import post

SEED = int(os.environ.get("SIGNALS_SEED", "20261123"))
MESSAGES = 10_000
OVER_HTTP = 400
REFUSALS = {"SIGNAL_SIGNATURE", "SIGNAL_STALE", "SIGNAL_REPLAYED"}
# A signature in base64 whose unused last bits differ is the same signature: the last two characters stay.
TAIL = 2
Attack = Callable[["Attacker"], Delivery]


class Attacker:
    """Knows everything that ever went over the wire, and other sources' keys, but not this source's."""

    def __init__(self, key: str, other_key: str, seen: list[Delivery], dice: random.Random) -> None:
        self.key, self.other_key, self.seen, self.dice = key, other_key, seen, dice
        self.number = 0

    def fresh(self, **when: Any) -> Delivery:
        """A valid message that never arrived: intercepted on its way."""
        self.number += 1
        return message(self.key, LONG, identity=f"new-{self.number}", **when)

    def text(self, value: str, upto: int | None = None) -> str:
        """The value with one character replaced, inserted or taken away."""
        place = self.dice.randrange(len(value[:upto]))
        letter = self.dice.choice("abcXYZ0189+/=,.{}é ")
        edits = [value[:place] + letter + value[place + 1 :], value[:place] + letter + value[place:]]
        changed = self.dice.choice([*edits, value[:place] + value[place + 1 :]])
        # A space before or behind a header's value is no part of it.
        return changed if changed.strip() != value else value + "x"


def mutated_body(by: Attacker) -> Delivery:
    """One bit of the body turned over."""
    sent = by.fresh()
    body = bytearray(sent.body)
    body[by.dice.randrange(len(body))] ^= 1 << by.dice.randrange(8)
    return replace(sent, body=bytes(body))


def longer_or_shorter_body(by: Attacker) -> Delivery:
    """The body cut, or with more behind or before it."""
    sent = by.fresh()
    cut = by.dice.randrange(len(sent.body))
    return replace(sent, body=by.dice.choice([sent.body[:cut], sent.body + b" ", b" " + sent.body, sent.body * 2]))


def mutated_id(by: Attacker) -> Delivery:
    """Another id under the signature."""
    sent = by.fresh()
    return replace(sent, headers=replace(sent.headers, id=by.text(sent.headers.id)))


def mutated_time(by: Attacker) -> Delivery:
    """Another time under the signature."""
    sent = by.fresh()
    moved = int(sent.headers.timestamp) + by.dice.choice([-1, 1]) * by.dice.randrange(1, 300)
    changed = by.dice.choice([str(moved), by.text(sent.headers.timestamp)])
    return replace(sent, headers=replace(sent.headers, timestamp=changed))


def mutated_signature(by: Attacker) -> Delivery:
    """Another signature, or another version of it."""
    sent = by.fresh()
    text = by.text(sent.headers.signature, -TAIL)
    return replace(sent, headers=replace(sent.headers, signature=by.dice.choice([text, text.replace("v1", "v1a")])))


def missing_header(by: Attacker) -> Delivery:
    """A header left out."""
    sent = by.fresh()
    name = by.dice.choice(["id", "timestamp", "signature"])
    return replace(sent, headers=replace(sent.headers, **{name: ""}))


def wrong_key(by: Attacker) -> Delivery:
    """Signed with a key of the attacker's own, or of another source."""
    key = by.dice.choice([by.other_key, new_key()])
    return message(key, LONG, identity=f"own-{by.dice.getrandbits(64)}")


def spliced(by: Attacker) -> Delivery:
    """The signature of one message on another."""
    one, two = by.fresh(), by.dice.choice(by.seen)
    return by.dice.choice([replace(one, headers=two.headers, body=one.body + b"\n"), replace(two, headers=one.headers)])


def stale(by: Attacker) -> Delivery:
    """Truly signed, too long ago."""
    return by.fresh(at=wall_now() - timedelta(seconds=by.dice.randrange(301, 10**7)))


def future(by: Attacker) -> Delivery:
    """Truly signed, for later."""
    return by.fresh(at=wall_now() + timedelta(seconds=by.dice.randrange(301, 10**7)))


def replayed_as_new(by: Attacker) -> Delivery:
    """A captured message under another id or time."""
    sent = by.dice.choice(by.seen)
    changes = [{"id": f"again-{by.dice.getrandbits(32)}"}, {"timestamp": str(int(wall_now().timestamp()) + 1)}]
    return replace(sent, headers=replace(sent.headers, **by.dice.choice(changes)))


def replayed_with_another_body(by: Attacker) -> Delivery:
    """The sender itself uses an id twice for different bodies."""
    used = by.dice.choice(by.seen).headers.id
    return message(by.key, LONG | {"size": str(by.dice.randrange(2, 10**6))}, identity=used)


def moved_border(by: Attacker) -> Delivery:
    """The id's end read as the time, the time as the beginning of the body."""
    sent = by.fresh()
    body = f"{sent.headers.timestamp}.".encode() + sent.body
    return Delivery(Headers(sent.headers.id, str(int(wall_now().timestamp())), sent.headers.signature), body, HOME)


def secret_in_the_body(by: Attacker) -> Delivery:
    """The other mode's proof, even with the right key."""
    return weak_message(by.key)


ATTACKS: list[Attack] = [
    mutated_body, longer_or_shorter_body, mutated_id, mutated_time, mutated_signature, missing_header, wrong_key,
    spliced, stale, future, replayed_as_new, replayed_with_another_body, moved_border, secret_in_the_body,
]  # fmt: skip


def attacker(desk: Desk, source: SignalSource, key: str) -> Attacker:
    """An attacker who has seen ten orders go by."""
    second = make_source(desk, name="second")
    seen = [message(key, LONG | {"price": f"{90 + number}"}, identity=f"seen-{number}") for number in range(10)]
    for delivery in seen:
        assert receive(source, delivery).order_id is not None
    return Attacker(key, activate(desk, second), seen, random.Random(SEED))


def test_ten_thousand_hostile_messages_order_nothing(desk: Desk, source: SignalSource, key: str) -> None:
    by = attacker(desk, source, key)
    before, refusals = count(), Counter()

    for number in range(MESSAGES):
        attack = ATTACKS[number % len(ATTACKS)]
        delivery = attack(by)
        code = code_of(lambda delivery=delivery: receive(source, delivery))
        assert code in REFUSALS, f"seed {SEED}, message {number}, {attack.__name__}: {code or 'it was taken'}"
        refusals[code] += 1

    print(f"N {MESSAGES}, seed {SEED}, accepted 0, {dict(refusals)}")
    assert set(refusals) == REFUSALS
    assert count() == before


def test_exact_replays_order_nothing(desk: Desk, source: SignalSource, key: str, wall: Any) -> None:
    by = attacker(desk, source, key)
    before = count()

    for number in range(1_000):
        sent = by.dice.choice(by.seen)
        answer = receive(source, sent)
        assert answer.webhook_id == sent.headers.id, f"seed {SEED}, replay {number}"
    wall.advance(301)
    assert {code_of(lambda sent=sent: receive(source, sent)) for sent in by.seen} == {"SIGNAL_STALE"}

    assert count() == before


def test_hostile_messages_over_http_order_nothing(desk: Desk, source: SignalSource, key: str) -> None:
    by = attacker(desk, source, key)
    before, statuses = count(), Counter()

    for number in range(OVER_HTTP):
        attack = ATTACKS[number % len(ATTACKS)]
        answer = post(source.name, attack(by))
        assert answer.status_code in (401, 409), f"seed {SEED}, message {number}, {attack.__name__}"
        assert answer.json()["code"] in REFUSALS
        statuses[answer.status_code] += 1

    print(f"N {OVER_HTTP} over HTTP, seed {SEED}, accepted 0, {dict(statuses)}")
    assert count() == before


def test_changing_keys_loses_no_valid_message(desk: Desk) -> None:
    source = make_source(desk)
    old = activate(desk, source)
    sent, size = 0, 50

    def send(key: str) -> None:
        nonlocal sent
        sent += 1
        assert receive(source, message(key, LONG | {"price": f"{sent}"}, identity=f"msg-{sent}"))

    for _ in range(size):
        send(old)
    new = signals.rotate_keys(source=source, **BY)
    for _ in range(size):
        send(old)
        send(new)
    signals.finish_rotation(source=source, **BY)
    for _ in range(size):
        send(new)

    assert Signal.objects.count() == sent == 4 * size
    assert code_of(lambda: receive(source, message(old, identity="late"))) == "SIGNAL_SIGNATURE"
    print(f"N {sent} valid messages while the keys changed: 0 lost")
