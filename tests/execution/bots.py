"""Bots without a sandbox: what cycles do with what a bot says is tested here, the sandbox elsewhere."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import quarterdeck

from apps.bots import services as bots
from apps.execution import warm
from apps.runtime.host import Slice
from apps.runtime.sandbox.limits import SandboxLimits

Script = Callable[["ScriptedBot", quarterdeck.Bar], int]


def idle(bot: "ScriptedBot", bar: quarterdeck.Bar) -> int:
    """Wants nothing."""
    return 0


def buy_each_bar(bot: "ScriptedBot", bar: quarterdeck.Bar) -> int:
    """Buys 1 on every bar."""
    return 1


class ScriptedBot:
    """Stands in for runtime.host.BotProcess; `started` keeps every one that a test ran."""

    script: Script = staticmethod(idle)
    started: list["ScriptedBot"] = []

    def __init__(self, build: Any, *, parameters: Any, instruments: Any, checkpoint: Any, seed: int) -> None:
        self.limits = SandboxLimits()
        self.checkpoint = checkpoint
        self.state = dict(checkpoint or {"next_seq": 1, "market_ms": 0, "bars": 0, "held": "0"})
        self.told: list[Any] = []
        self.is_closed = False

    def start(self) -> None:
        """Remember it."""
        ScriptedBot.started.append(self)

    def close(self) -> None:
        """End it."""
        self.is_closed = True

    def feed(self, events: Sequence[Any]) -> Slice:
        """What the script wants of each bar, as orders at the market to open."""
        intents = []
        for event in events:
            self.told.append(event)
            if isinstance(event, quarterdeck.Fill):
                signed = event.quantity if event.side == quarterdeck.Side.BUY else -event.quantity
                self.state["held"] = str(Decimal(self.state["held"]) + signed)
            elif isinstance(event, quarterdeck.Bar):
                self.state["bars"] += 1
                intents += [self._intent(event) for _ in range(type(self).script(self, event))]
        return Slice(tuple(intents), (), (), dict(self.state))

    def _intent(self, bar: quarterdeck.Bar) -> quarterdeck.Intent:
        seq = self.state["next_seq"]
        self.state["next_seq"] = seq + 1
        return quarterdeck.Intent(
            seq=seq,
            instrument=bar.instrument,
            side=quarterdeck.Side.BUY,
            quantity=Decimal(1),
            order_type=quarterdeck.OrderType.MARKET,
            time_in_force=quarterdeck.TimeInForce.GTC,
            purpose=quarterdeck.Purpose.OPENING,
            reduce_only=False,
            on_bar_end_ms=bar.end_ms,
        )

    def bars(self) -> list[quarterdeck.Bar]:
        """The bars it has seen."""
        return [event for event in self.told if isinstance(event, quarterdeck.Bar)]

    def others(self) -> list[Any]:
        """Everything else it was told."""
        return [event for event in self.told if not isinstance(event, quarterdeck.Bar)]


def use_scripted_bots(monkeypatch: pytest.MonkeyPatch, script: Script = idle) -> type[ScriptedBot]:
    """Run this script instead of processes until the test ends."""
    monkeypatch.setattr(warm, "BotProcess", ScriptedBot)
    monkeypatch.setattr(warm, "_warm", {})
    monkeypatch.setattr(bots, "launchable", lambda code: Path("unpacked-nowhere"))
    monkeypatch.setattr(ScriptedBot, "script", staticmethod(script))
    monkeypatch.setattr(ScriptedBot, "started", [])
    return ScriptedBot
