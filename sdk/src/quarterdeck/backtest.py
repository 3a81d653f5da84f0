"""The backtest loop: bar by bar through the books and the strategy, and the hashes that prove a run."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

from quarterdeck.book import Book
from quarterdeck.decimals import EXACT, plain
from quarterdeck.events import Bar, Intent
from quarterdeck.messages import fill_fields, intent_fields, update_fields
from quarterdeck.session import Session


def step(session: Session, book: Book, bars: Iterable[Bar]) -> list[Intent]:
    """Run the strategy over bars against the books; the intents of these bars, in order.

    Per bar: what earlier orders did is told first, then the bar; orders wanted on a bar enter the books
    at its end, so they trade on the next one at the earliest.
    """
    said: list[Intent] = []
    outbox, handle = session.outbox, session.handle
    with localcontext(EXACT):
        for bar in bars:
            for event in book.advance(bar):
                handle(event)
            handle(bar)
            if outbox.intents:
                for intent in outbox.intents:
                    book.submit(intent)
                said.extend(outbox.intents)
            outbox.intents, outbox.signals, outbox.inputs = [], [], []
    return said


def replay(book: Book, bars: Iterable[Bar], intents: Sequence[Intent]) -> None:
    """Run recorded intents over the same bars; ValueError when one belongs to no bar or out of order."""
    position, count = 0, len(intents)
    for bar in bars:
        book.advance(bar)
        while position < count and intents[position].on_bar_end_ms == bar.end_ms:
            book.submit(intents[position])
            position += 1
    if position != count:
        raise ValueError(f"intent {intents[position].seq} was decided on no bar of this batch")


def intents_hash(intents: Iterable[Intent]) -> str:
    """SHA-256 over the canonical lines of intents: the order hash two equal runs must share."""
    return _lines_hash(intent_fields(intent) for intent in intents)


def result_hash(book: Book) -> str:
    """SHA-256 over fills, order outcomes, final cash and holding of a run."""
    holding, last_ms = book.holding, book.equity[-1][0] if book.equity else 0
    final = {
        "bars": len(book.equity),
        "last_ms": last_ms,
        "cash": plain(book.cash),
        "quantity": plain(holding.quantity),
        "realised_pnl": plain(holding.realised_pnl),
        "fees": plain(holding.fees),
    }
    fills = [fill_fields(traded.fill) | {"liquidity": traded.liquidity} for traded in book.fills]
    return _lines_hash([*fills, *(update_fields(update) for update in book.updates), final])


def total_return(book: Book, starting_cash: Decimal) -> Decimal:
    """Final equity over the starting cash, less one."""
    return EXACT.subtract(EXACT.divide(book.equity[-1][1], starting_cash), Decimal(1))


def _lines_hash(lines: Iterable[dict[str, object]]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()
