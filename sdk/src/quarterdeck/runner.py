"""The child's main loop: the protocol on a pair of pipes around one strategy."""

import os
import sys
import traceback
from decimal import Decimal, setcontext
from pathlib import Path
from typing import Any, BinaryIO

from quarterdeck.backtest import intents_hash, result_hash, step
from quarterdeck.book import Book
from quarterdeck.decimals import EXACT, parse_decimal
from quarterdeck.events import Bar, Intent
from quarterdeck.loading import load_strategy
from quarterdeck.messages import inputs_fields, intent_fields, signal_fields, to_event, to_instrument
from quarterdeck.protocol import (
    BATCH_BARS_MAX,
    LINE_BYTES_MAX,
    VALUE_LENGTH_MAX,
    Message,
    ProtocolError,
    decode,
    encode,
)
from quarterdeck.session import Session
from quarterdeck.simvalues import SimConfig

ROW = 7  # of a bar: its times, its prices and its volume


def main(build_dir: Path) -> int:
    """Serve the build on stdin and stdout until stop or end of input; 1 after an error was told."""
    reader, writer = claim_pipes()
    return serve(build_dir, reader, writer)


def claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for the protocol; what the bot prints goes to stderr from now on."""
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    empty, unused = os.pipe()
    os.close(unused)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return reader, writer


def serve(build_dir: Path, reader: BinaryIO, writer: BinaryIO) -> int:
    """Answer messages until stop or end of input; whatever goes wrong is told as error, then it ends."""
    setcontext(EXACT.copy())
    server = _Server(build_dir, writer)
    try:
        while line := reader.readline(LINE_BYTES_MAX + 1):
            if not server.answer(decode(line)):
                return 0
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        server.send("error", {"message": f"{type(error).__name__}: {error}"[:VALUE_LENGTH_MAX]})
        writer.flush()
        return 1
    return 0


class _Server:
    """The state between two lines: the session, and the books when the host asked for a simulation."""

    def __init__(self, build_dir: Path, writer: BinaryIO) -> None:
        self.build_dir = build_dir
        self.writer = writer
        self.session: Session | None = None
        self.book: Book | None = None
        self.intents: list[Intent] = []

    def answer(self, message: Message) -> bool:
        """Act on one message; False when it asks to stop."""
        kind = message["type"]
        if kind == "stop":
            return False
        if kind == "start":
            self._start(message)
        elif kind == "flush":
            self._done(message.get("id"))
        elif kind == "simulate":
            self._simulate(message)
        elif kind == "batch":
            self._batch(message)
        else:
            self._event(message)
        return True

    def send(self, kind: str, fields: dict[str, Any]) -> None:
        self.writer.write(encode(kind, fields))

    def _start(self, message: Message) -> None:
        if self.session is not None:
            raise ProtocolError("started twice")
        self.session = Session(
            load_strategy(self.build_dir),
            parameters=message["parameters"],
            instruments=[to_instrument(fields) for fields in message["instruments"]],
            checkpoint=message["checkpoint"],
            seed=message["seed"],
        )
        self._done(message.get("id"))

    def _event(self, message: Message) -> None:
        session = self._started()
        session.handle(to_event(message))
        intents, signals, inputs = session.take()
        for intent in intents:
            self.send("intent", intent_fields(intent))
        for signal in signals:
            self.send("signal", signal_fields(signal))
        for note in inputs:
            self.send("inputs", inputs_fields(note))

    def _simulate(self, message: Message) -> None:
        instrument = self._started().strategy.ctx.instruments[message["instrument"]]
        config = SimConfig.from_json(message["config"])
        self.book = Book(instrument, config, seed=message["seed"], cash=parse_decimal(message["cash"]))

    def _batch(self, message: Message) -> None:
        """Bars as arrays of the simulated instrument: times, prices, volume, and `true` for one of extended hours."""
        session = self._started()
        if self.book is None:
            raise ProtocolError("batch before simulate")
        if len(message["bars"]) > BATCH_BARS_MAX:
            raise ProtocolError(f"more than {BATCH_BARS_MAX} bars in a batch")
        symbol = self.book.instrument.symbol
        bars = [_batch_bar(symbol, *row[:ROW], is_extended=row[ROW:] == [True]) for row in message["bars"]]
        intents = step(session, self.book, bars)
        self.intents.extend(intents)
        for intent in intents:
            self.send("intent", intent_fields(intent))
        self.send("done", {"id": message.get("id"), "checkpoint": None})
        self.writer.flush()

    def _done(self, number: object) -> None:
        fields: dict[str, Any] = {"id": number, "checkpoint": self._started().checkpoint()}
        if self.book is not None:
            fields["intents_hash"] = intents_hash(self.intents)
            fields["result_hash"] = result_hash(self.book)
        self.send("done", fields)
        self.writer.flush()

    def _started(self) -> Session:
        if self.session is None:
            raise ProtocolError("not started")
        return self.session


def _batch_bar(symbol: str, start_ms: int, end_ms: int, *rest: str, is_extended: bool = False) -> Bar:
    open_, high, low, close, volume = map(Decimal, rest)
    return Bar(symbol, start_ms, end_ms, open_, high, low, close, volume, is_extended)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
