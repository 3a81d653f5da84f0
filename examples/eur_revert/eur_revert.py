"""Mean reversion, long or flat: buys far below the rolling mean, sells out when the price is back."""

from collections import deque
from decimal import Decimal
from typing import Any

from quarterdeck import Bar, Context, Strategy


class EurRevert(Strategy):
    """Works on the z-score of the close: its distance from the mean in standard deviations."""

    def on_start(self, ctx: Context) -> None:
        self.lookback_bars = int(ctx.parameters["lookback_bars"])
        self.entry_z = self.decimal("entry_z")
        self.exit_z = self.decimal("exit_z")
        self.quantity = self.decimal("quantity")
        if self.exit_z >= self.entry_z:
            raise ValueError("exit_z must be below entry_z")
        self._keep([])

    def on_bar(self, bar: Bar) -> None:
        self._push(bar.close)
        if len(self.closes) < self.lookback_bars or self.has_open_orders():
            return
        # In units of n: distance = n * (close - mean), spread2 = (n * deviation) ** 2; no division, no root.
        distance = bar.close * self.lookback_bars - self.total
        spread2 = self.squares * self.lookback_bars - self.total**2
        if spread2 <= 0:
            return
        held = self.position()
        if held == 0 and distance < 0 and distance**2 > self.entry_z**2 * spread2:
            self._explain(distance, spread2)
            self.buy(self.quantity)
        elif held > 0 and (distance >= 0 or distance**2 <= self.exit_z**2 * spread2):
            self._explain(distance, spread2)
            self.exit()

    def dump_state(self) -> dict[str, Any]:
        return {"closes": [str(close) for close in self.closes]}

    def load_state(self, state: dict[str, Any]) -> None:
        self._keep([Decimal(close) for close in state["closes"]])

    def _keep(self, closes: list[Decimal]) -> None:
        self.closes = deque(closes)
        self.total = sum(closes, Decimal(0))
        self.squares = sum((close**2 for close in closes), Decimal(0))

    def _push(self, close: Decimal) -> None:
        self.closes.append(close)
        self.total += close
        self.squares += close**2
        if len(self.closes) > self.lookback_bars:
            oldest = self.closes.popleft()
            self.total -= oldest
            self.squares -= oldest**2

    def _explain(self, distance: Decimal, spread2: Decimal) -> None:
        self.signal("z_score", distance / spread2.sqrt())
        self.inputs(mean=self.total / self.lookback_bars, close=self.closes[-1])
