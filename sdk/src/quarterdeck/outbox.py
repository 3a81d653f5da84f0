"""What a bot has said in the event in hand, and the orders and positions that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from quarterdeck.decimals import EXACT, ZERO, parse_decimal, plain
from quarterdeck.events import Fill, Inputs, Intent, OrderUpdate, Side, Signal
from quarterdeck.protocol import INTENTS_PER_EVENT_MAX, NAME_LENGTH_MAX, NOTES_PER_EVENT_MAX, VALUE_LENGTH_MAX


class OutboxFull(RuntimeError):
    """The bot said more in one event than the protocol allows."""


@dataclass(slots=True)
class OpenOrder:
    """An intent that may still trade."""

    instrument: str
    side: str
    leaves: Decimal


class Outbox:
    """Collects intents, signals and inputs; numbers intents over the bot's whole life."""

    def __init__(self) -> None:
        self.next_seq = 1
        self.market_ms = 0
        self.positions: dict[str, Decimal] = {}
        self.open: dict[int, OpenOrder] = {}
        self.intents: list[Intent] = []
        self.signals: list[Signal] = []
        self.inputs: list[Inputs] = []
        self._said_before: tuple[int, int, int] | None = None

    def begin_event(self, market_ms: int) -> None:
        """Time moves to the event's, never back; the bounds on what may be said start anew."""
        if market_ms > self.market_ms:
            self.market_ms = market_ms
        self._said_before = (len(self.intents), len(self.signals), len(self.inputs))

    def _check_room(self, kind: int, said: int, bound: int) -> None:
        """RuntimeError outside an event (starting must have no effect), OutboxFull past the bound."""
        if self._said_before is None:
            raise RuntimeError("intents, signals and inputs belong to events, not to on_start")
        if said - self._said_before[kind] >= bound:
            raise OutboxFull(f"more than {bound} of a kind in one event")

    def intend(self, *, quantity: Decimal, **terms: Any) -> Intent:
        """Number and keep an intent; ValueError for a number that is not positive and finite."""
        self._check_room(0, len(self.intents), INTENTS_PER_EVENT_MAX)
        for value in (quantity, terms["limit_price"], terms["stop_price"]):
            if value is not None:
                _check_positive(value)
        intent = Intent(seq=self.next_seq, quantity=quantity, on_bar_end_ms=self.market_ms, **terms)
        self.next_seq += 1
        self.intents.append(intent)
        self.open[intent.seq] = OpenOrder(intent.instrument, intent.side, quantity)
        return intent

    def note_signal(self, name: str, value: Decimal) -> None:
        """Keep a signal of the event in hand."""
        self._check_room(1, len(self.signals), NOTES_PER_EVENT_MAX)
        _check_name(name)
        self.signals.append(Signal(name, _rounded(value), self.market_ms))

    def note_inputs(self, values: Mapping[str, Decimal | int | str]) -> None:
        """Keep model inputs of the event in hand, decimals as normalised strings."""
        self._check_room(2, len(self.inputs), NOTES_PER_EVENT_MAX)
        if len(values) > NOTES_PER_EVENT_MAX:
            raise OutboxFull(f"more than {NOTES_PER_EVENT_MAX} values in one note")
        texts = {}
        for name, value in values.items():
            _check_name(name)
            texts[name] = plain(_rounded(value)) if isinstance(value, Decimal) else str(value)
            if len(texts[name]) > VALUE_LENGTH_MAX:
                raise ValueError(f"input {name} is longer than {VALUE_LENGTH_MAX} characters")
        self.inputs.append(Inputs(texts, self.market_ms))

    def take_fill(self, fill: Fill) -> None:
        """Move the position and what is left of the order."""
        signed = fill.quantity if fill.side == Side.BUY else -fill.quantity
        held = EXACT.add(self.positions.get(fill.instrument, ZERO), signed)
        if held == 0:
            self.positions.pop(fill.instrument, None)
        else:
            self.positions[fill.instrument] = held
        order = self.open.get(fill.intent_seq) if fill.intent_seq is not None else None
        if order is not None and fill.intent_seq is not None:
            order.leaves = EXACT.subtract(order.leaves, fill.quantity)
            if order.leaves <= 0:
                del self.open[fill.intent_seq]

    def take_update(self, update: OrderUpdate) -> None:
        """Forget an order that has ended."""
        self.open.pop(update.intent_seq, None)

    def dump(self) -> dict[str, Any]:
        """The part of the checkpoint that the SDK keeps for the bot."""
        return {
            "next_seq": self.next_seq,
            "market_ms": self.market_ms,
            "positions": {symbol: plain(held) for symbol, held in sorted(self.positions.items())},
            "open": {str(seq): [o.instrument, o.side, plain(o.leaves)] for seq, o in sorted(self.open.items())},
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """Take back what dump gave."""
        self.next_seq = int(data["next_seq"])
        self.market_ms = int(data["market_ms"])
        self.positions = {symbol: parse_decimal(held) for symbol, held in data["positions"].items()}
        self.open = {
            int(seq): OpenOrder(instrument, side, parse_decimal(leaves))
            for seq, (instrument, side, leaves) in data["open"].items()
        }


_NOTE_STEP = Decimal("0.000000000001")


def _rounded(value: Decimal) -> Decimal:
    """A noted number to 12 decimal places; ValueError unless it is finite."""
    if not value.is_finite():
        raise ValueError(f"not a finite number: {value}")
    return value.quantize(_NOTE_STEP, context=EXACT)


def _check_positive(value: object) -> None:
    if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
        raise ValueError(f"not a positive Decimal: {value!r:.60}")
    parse_decimal(plain(value))


def _check_name(name: str) -> None:
    if not 0 < len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise ValueError(f"not a name: {name!r:.60}")
