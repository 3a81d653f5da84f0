"""Buys a dip below the recent high, long or flat; sells on the recovery, or when it has waited long enough."""

from collections import deque
from decimal import Decimal
from typing import Any

from quarterdeck import Bar, Context, Strategy

BPS = Decimal(10_000)


class BtcDips(Strategy):
    """Measures each close against the highest of the last `lookback_bars`, and each holding by its bars."""

    def on_start(self, ctx: Context) -> None:
        self.lookback_bars = int(ctx.parameters["lookback_bars"])
        self.hold_bars_max = int(ctx.parameters["hold_bars_max"])
        self.drop_bps = self.decimal("drop_bps")
        self.rise_bps = self.decimal("rise_bps")
        self.quantity = self.decimal("quantity")
        self.closes: deque[Decimal] = deque(maxlen=self.lookback_bars)
        self.low = Decimal(0)
        self.held_bars = 0

    def on_bar(self, bar: Bar) -> None:
        self.closes.append(bar.close)
        if len(self.closes) < self.lookback_bars or self.has_open_orders():
            return
        if self.position() > 0:
            self._hold(bar.close)
        else:
            self._look(bar.close)

    def dump_state(self) -> dict[str, Any]:
        closes = [str(close) for close in self.closes]
        return {"closes": closes, "low": str(self.low), "held_bars": self.held_bars}

    def load_state(self, state: dict[str, Any]) -> None:
        self.closes.extend(Decimal(close) for close in state["closes"])
        self.low = Decimal(state["low"])
        self.held_bars = state["held_bars"]

    def _look(self, close: Decimal) -> None:
        high = max(self.closes)
        if close * BPS <= high * (BPS - self.drop_bps):
            self.low, self.held_bars = close, 0
            self.inputs(high=high, close=close)
            self.buy(self.quantity)

    def _hold(self, close: Decimal) -> None:
        self.low = min(self.low, close)
        self.held_bars += 1
        has_recovered = close * BPS >= self.low * (BPS + self.rise_bps)
        if has_recovered or self.held_bars >= self.hold_bars_max:
            self.inputs(low=self.low, close=close, held_bars=self.held_bars)
            self.exit()
