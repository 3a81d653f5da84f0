"""Drives one strategy over events and keeps what it says; the same in backtest, paper and live."""

import json
from collections.abc import Mapping, Sequence
from decimal import localcontext
from typing import Any

from quarterdeck.decimals import EXACT
from quarterdeck.events import Bar, Event, Fill, Inputs, Instrument, Intent, Signal
from quarterdeck.outbox import Outbox
from quarterdeck.strategy import Context, Strategy

CHECKPOINT_VERSION = 1


class Session:
    """A started strategy; events go in one by one, what it said is taken out in between."""

    def __init__(
        self,
        strategy: Strategy,
        *,
        parameters: Mapping[str, Any],
        instruments: Sequence[Instrument],
        checkpoint: Mapping[str, Any] | None,
        seed: int,
    ) -> None:
        self.strategy = strategy
        self.outbox = Outbox()
        strategy.state = {}
        strategy._outbox = self.outbox
        known = {instrument.symbol: instrument for instrument in instruments}
        strategy.ctx = Context(dict(parameters), known, seed, resumed=checkpoint is not None)
        if checkpoint is not None:
            self._check_version(checkpoint)
            self.outbox.load(checkpoint)
        with localcontext(EXACT):
            strategy.on_start(strategy.ctx)
            if checkpoint is not None:
                strategy.load_state(json.loads(json.dumps(checkpoint["state"])))

    def handle(self, event: Event) -> None:
        """Give the strategy one event; the caller has set the EXACT decimal context."""
        outbox = self.outbox
        if isinstance(event, Bar):
            outbox.begin_event(event.end_ms)
            self.strategy.on_bar(event)
            return
        outbox.begin_event(event.market_ms)
        if isinstance(event, Fill):
            outbox.take_fill(event)
            self.strategy.on_fill(event)
        else:
            outbox.take_update(event)
            self.strategy.on_order(event)

    def take(self) -> tuple[list[Intent], list[Signal], list[Inputs]]:
        """What the strategy has said since the last take."""
        outbox = self.outbox
        said = outbox.intents, outbox.signals, outbox.inputs
        outbox.intents, outbox.signals, outbox.inputs = [], [], []
        return said

    def checkpoint(self) -> dict[str, Any]:
        """Everything the next event needs; write it as JSON before the next event, state may be shared."""
        return {"v": CHECKPOINT_VERSION, **self.outbox.dump(), "state": self.strategy.dump_state()}

    @staticmethod
    def _check_version(checkpoint: Mapping[str, Any]) -> None:
        if checkpoint.get("v") != CHECKPOINT_VERSION:
            raise ValueError(f"checkpoint version {checkpoint.get('v')!r} is not {CHECKPOINT_VERSION}")
