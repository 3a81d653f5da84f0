"""One bot's process as the host sees it: events in, intents and a checkpoint out, slice by slice."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from quarterdeck.events import Bar, Event, Inputs, Instrument, Intent, Signal
from quarterdeck.messages import encode_event, instrument_fields, to_inputs, to_intent, to_signal
from quarterdeck.protocol import Message, ProtocolError, decode, encode

from apps.runtime.sandbox.limits import SandboxLimits, SandboxReport
from apps.runtime.sandbox.process import BotCrashed, BotError, BotFailed, BotProtocolError, BotTimeout, Child

__all__ = ["BotCrashed", "BotError", "BotFailed", "BotProcess", "BotProtocolError", "BotTimeout", "Slice"]

MESSAGES_PER_SLICE_MAX = 100_000
# All intents of a slice are placed in one transaction, which others wait for: it must stay short.
INTENTS_PER_SLICE_MAX = 200
Checkpoint = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Slice:
    """What a bot said to a slice of events, and the checkpoint from which any process can go on."""

    intents: tuple[Intent, ...]
    signals: tuple[Signal, ...]
    inputs: tuple[Inputs, ...]
    checkpoint: Checkpoint


@dataclass(slots=True)
class _Said:
    intents: list[Intent] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    inputs: list[Inputs] = field(default_factory=list)


class BotProcess:
    """A verified, unpacked build running in a sandbox; a context manager, warm from slice to slice.

    Every failure is a BotError: the process is then dead and nothing of the slice counts; start another
    one from the last committed checkpoint. Use it in the thread that started it. Where a bot could open files or
    sockets outside its sandbox none is started (SANDBOX_UNPROVEN), but for the probe that measures just that.
    `watch` is called a few times a second while the bot is waited for; what it raises ends the wait.
    """

    def __init__(
        self,
        build_dir: Path,
        *,
        parameters: Mapping[str, Any],
        instruments: Sequence[Instrument],
        checkpoint: Checkpoint | None,
        seed: int,
        limits: SandboxLimits | None = None,
        is_probe: bool = False,
        watch: Callable[[], None] | None = None,
    ) -> None:
        self.is_probe = is_probe
        self.watch = watch
        self.build_dir = build_dir
        self.limits = limits or SandboxLimits()
        self.report = SandboxReport.from_measures([])
        self._start_fields = {
            "parameters": dict(parameters),
            "instruments": [instrument_fields(instrument) for instrument in instruments],
            "checkpoint": checkpoint,
            "seed": seed,
        }
        self._symbols = {instrument.symbol for instrument in instruments}
        self._next_seq = 1 if checkpoint is None else int(checkpoint["next_seq"])
        self._market_ms = 0 if checkpoint is None else int(checkpoint["market_ms"])
        self._child: Child | None = None
        self._requests = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def is_alive(self) -> bool:
        return self._child is not None and self._child.is_alive

    def start(self) -> None:
        """Start the child and the strategy in it; BotError when either fails."""
        if self._child is not None:
            raise RuntimeError("already started")
        self._child = Child(self.build_dir, self.limits, self.watch)
        deadline = time.monotonic() + self.limits.start_seconds_max
        try:
            hello = self._expect(self._child.read_line(deadline), "sandbox")
            self.report = SandboxReport.from_measures([str(name) for name in hello.get("measures", [])])
            if not (self.is_probe or (self.report.files and self.report.sockets)):
                raise BotCrashed("SANDBOX_UNPROVEN", "this kernel lets a bot out of its sandbox: no bot runs here")
            if self.report.has_own_scratch:
                self._child.drop_scratch()
            self.request("start", self._start_fields, deadline)
        except BaseException:  # whatever the watch raised too: nobody else knows the child yet
            self.close()
            raise

    def feed(self, events: Sequence[Event]) -> Slice:
        """Give the bot events, oldest first, and read what it says to them all.

        BotTimeout, BotCrashed, BotProtocolError or BotFailed close the process.
        """
        moments = self._moments(events)
        deadline = time.monotonic() + self.limits.slice_seconds_max
        try:
            # One write, so that the bot is not woken twice.
            self._requests += 1
            flush = encode("flush", {"id": self._requests})
            self._running().send(b"".join([*map(encode_event, events), flush]))
            done, said = self.read_answer(self._requests, deadline)
            self._check_intents(said.intents, moments)
            checkpoint = self._checked_checkpoint(done)
        except BotError:
            self.close()
            raise
        return Slice(tuple(said.intents), tuple(said.signals), tuple(said.inputs), checkpoint)

    def send_message(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Queue a message that has no answer of its own."""
        self._running().send(encode(kind, fields))

    def request(self, kind: str, fields: Mapping[str, Any], deadline: float) -> tuple[Message, _Said]:
        """Send a message that is answered by done, and read up to it."""
        number = self.post(kind, fields)
        return self.read_answer(number, deadline)

    def post(self, kind: str, fields: Mapping[str, Any]) -> int:
        """Send a message that will be answered by done; its number, for read_answer."""
        self._requests += 1
        self.send_message(kind, {**fields, "id": self._requests})
        return self._requests

    def read_answer(self, number: int, deadline: float) -> tuple[Message, _Said]:
        """What the bot says up to the done of request number."""
        child, said = self._running(), _Said()
        readers: dict[str, Callable[[Message], None]] = {
            "intent": lambda m: said.intents.append(to_intent(m)),
            "signal": lambda m: said.signals.append(to_signal(m)),
            "inputs": lambda m: said.inputs.append(to_inputs(m)),
        }
        for _ in range(MESSAGES_PER_SLICE_MAX):
            message = self._decode(child.read_line(deadline))
            kind = message["type"]
            if kind == "done" and message.get("id") == number:
                return message, said
            if kind == "error":
                raise BotFailed("BOT_FAILED", str(message.get("message"))[:200], stderr=child.stderr_tail())
            if kind not in readers:
                raise BotProtocolError("BOT_PROTOCOL", f"Unexpected message {kind!r:.40}.")
            try:
                readers[kind](message)
            except ProtocolError as error:
                raise BotProtocolError("BOT_PROTOCOL", str(error)) from None
        raise BotProtocolError("BOT_PROTOCOL", f"More than {MESSAGES_PER_SLICE_MAX} messages in a slice.")

    def close(self) -> None:
        """End the process, whatever it is doing; safe to call twice."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _running(self) -> Child:
        if self._child is None:
            raise BotCrashed("BOT_CRASHED", "The bot's process is not running.")
        return self._child

    def _moments(self, events: Sequence[Event]) -> set[int]:
        """The market times a bot can decide at in this slice; they never run back."""
        moments = set()
        for event in events:
            moment = event.end_ms if isinstance(event, Bar) else event.market_ms
            self._market_ms = max(self._market_ms, moment)
            moments.add(self._market_ms)
        return moments

    def _check_intents(self, intents: Sequence[Intent], moments: set[int]) -> None:
        """Few enough, numbered without a gap, for a known instrument, decided on an event of this slice."""
        if len(intents) > INTENTS_PER_SLICE_MAX:
            raise BotProtocolError("BOT_PROTOCOL", f"More than {INTENTS_PER_SLICE_MAX} intents in a slice.")
        for intent in intents:
            if intent.seq != self._next_seq:
                raise BotProtocolError("BOT_PROTOCOL", f"Intent {intent.seq} is not {self._next_seq}.")
            if intent.instrument not in self._symbols or intent.on_bar_end_ms not in moments:
                raise BotProtocolError("BOT_PROTOCOL", f"Intent {intent.seq} has no place in this slice.")
            self._next_seq += 1

    def _checked_checkpoint(self, done: Message) -> Checkpoint:
        checkpoint = done.get("checkpoint")
        if not isinstance(checkpoint, dict) or checkpoint.get("next_seq") != self._next_seq:
            raise BotProtocolError("BOT_PROTOCOL", "The checkpoint does not follow the intents.")
        return checkpoint

    def _decode(self, line: bytes) -> Message:
        try:
            return decode(line)
        except ProtocolError as error:
            raise BotProtocolError("BOT_PROTOCOL", str(error)) from None

    def _expect(self, line: bytes, kind: str) -> Message:
        message = self._decode(line)
        if message["type"] != kind:
            raise BotProtocolError("BOT_PROTOCOL", f"Expected {kind}, got {message['type']!r:.40}.")
        return message
