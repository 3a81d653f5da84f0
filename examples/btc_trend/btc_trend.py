"""Moving-average crossover, long or flat: holds while the fast average is above the slow one."""

from collections import deque
from decimal import Decimal
from typing import Any

from quarterdeck import Bar, Context, Strategy


class BtcTrend(Strategy):
    """Buys on the first bar whose fast average is above the slow one, sells out when it is not."""

    def on_start(self, ctx: Context) -> None:
        self.fast_bars = int(ctx.parameters["fast_bars"])
        self.slow_bars = int(ctx.parameters["slow_bars"])
        if self.fast_bars >= self.slow_bars:
            raise ValueError("fast_bars must be below slow_bars")
        self.quantity = self.decimal("quantity")
        self._keep([])

    def on_bar(self, bar: Bar) -> None:
        self._push(bar.close)
        if len(self.closes) < self.slow_bars or self.has_open_orders():
            return
        # Compares the averages without dividing: fast_sum / fast_bars against slow_sum / slow_bars.
        spread = self.fast_sum * self.slow_bars - self.slow_sum * self.fast_bars
        held = self.position()
        if spread > 0 and held == 0:
            self._explain(spread)
            self.buy(self.quantity)
        elif spread < 0 and held > 0:
            self._explain(spread)
            self.exit()

    def dump_state(self) -> dict[str, Any]:
        return {"closes": [str(close) for close in self.closes]}

    def load_state(self, state: dict[str, Any]) -> None:
        self._keep([Decimal(close) for close in state["closes"]])

    def _keep(self, closes: list[Decimal]) -> None:
        self.closes = deque(closes)
        self.fast_sum = sum(closes[-self.fast_bars :], Decimal(0))
        self.slow_sum = sum(closes, Decimal(0))

    def _push(self, close: Decimal) -> None:
        closes = self.closes
        closes.append(close)
        self.fast_sum += close
        self.slow_sum += close
        if len(closes) > self.fast_bars:
            self.fast_sum -= closes[-1 - self.fast_bars]
        if len(closes) > self.slow_bars:
            self.slow_sum -= closes.popleft()

    def _explain(self, spread: Decimal) -> None:
        gap = spread / (self.fast_bars * self.slow_bars)
        self.signal("average_gap", gap)
        self.inputs(
            fast_average=self.fast_sum / self.fast_bars,
            slow_average=self.slow_sum / self.slow_bars,
            close=self.closes[-1],
        )
