"""One account trading one instrument against the simulator: the books of a backtest."""

from dataclasses import dataclass
from decimal import Decimal

from quarterdeck.acceptance import accept, required_cash
from quarterdeck.decimals import EXACT, ZERO
from quarterdeck.events import Bar, Fill, Instrument, Intent, OrderStatus, OrderUpdate, Side
from quarterdeck.holding import Holding, apply_fill, cash_delta
from quarterdeck.simulator import match
from quarterdeck.simvalues import MatchResult, SimConfig, SimFill, SimOrder, SimState


@dataclass(slots=True)
class _Working:
    """An accepted order between two bars."""

    intent: Intent
    order: SimOrder
    reserved: Decimal
    filled: Decimal = ZERO
    triggered: bool = False
    queue_ahead: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TradedFill:
    """A fill as the books keep it: what the bot is told, plus how it came about."""

    fill: Fill
    liquidity: str
    realised_pnl: Decimal


class Book:
    """Takes intents, advances bar by bar, and keeps cash, holding, fills and the equity curve."""

    def __init__(self, instrument: Instrument, config: SimConfig, *, seed: int, cash: Decimal) -> None:
        self.instrument = instrument
        self.config = config
        self.seed = seed
        self.cash = cash
        self.holding = Holding()
        self.fills: list[TradedFill] = []
        self.updates: list[OrderUpdate] = []
        self.equity: list[tuple[int, Decimal]] = []
        self._working: list[_Working] = []
        self._refused: list[OrderUpdate] = []
        self._mark = ZERO

    def advance(self, bar: Bar) -> list[Fill | OrderUpdate]:
        """Let one bar trade against the working orders; what the bot must be told, in order."""
        events: list[Fill | OrderUpdate] = []
        if self._refused:
            events.extend(self._refused)
            self._refused = []
        if self._working:
            self._match_all(bar, events)
        self._mark = bar.close
        value = EXACT.multiply(EXACT.multiply(self.holding.quantity, bar.close), self.instrument.multiplier)
        self.equity.append((bar.end_ms, EXACT.add(self.cash, value)))
        return events

    def submit(self, intent: Intent) -> None:
        """Accept or refuse an intent at its bar's end; a refusal is told with the next bar."""
        order = _order(intent)
        code = self._refusal(intent, order)
        if code is not None:
            update = OrderUpdate(intent.seq, OrderStatus.REJECTED, code, "", intent.on_bar_end_ms)
            self._refused.append(update)
            self.updates.append(update)
            return
        self._working.append(_Working(intent, order, self._reservation(order, order.quantity)))

    def _refusal(self, intent: Intent, order: SimOrder) -> str | None:
        if intent.instrument != self.instrument.symbol:
            return "INSTRUMENT_UNKNOWN"
        selling = sum((w.order.quantity - w.filled for w in self._working if w.order.side == Side.SELL), ZERO)
        return accept(
            order,
            self.instrument,
            self.config,
            mark_price=self._mark,
            position=self.holding.quantity,
            buying_power=self._buying_power(),
            sellable=self.holding.quantity - selling,
        )

    def _buying_power(self, but: _Working | None = None) -> Decimal:
        """Cash less what working buys reserve, the order in hand left out."""
        power = self.cash
        for working in self._working:
            if working is not but:
                power = EXACT.subtract(power, working.reserved)
        return power

    def _reservation(self, order: SimOrder, leaves: Decimal) -> Decimal:
        if order.side == Side.SELL or order.reduce_only:
            return ZERO
        return required_cash(order, self.instrument, self.config, self._mark, leaves)

    def _match_all(self, bar: Bar, events: list[Fill | OrderUpdate]) -> None:
        volume_used = ZERO
        for working in list(self._working):
            result = self._match(working, bar, volume_used)
            for sim_fill in result.fills:
                volume_used = EXACT.add(volume_used, sim_fill.quantity)
                events.append(self._apply(working, sim_fill))
            if result.state in (SimState.CANCELED, SimState.EXPIRED):
                status = OrderStatus(result.state.value)
                update = OrderUpdate(working.intent.seq, status, result.code, "", bar.end_ms)
                self.updates.append(update)
                events.append(update)
            if result.state != SimState.WORKING:
                self._working.remove(working)

    def _match(self, working: _Working, bar: Bar, volume_used: Decimal) -> MatchResult:
        result = match(
            working.order,
            bar,
            self.instrument,
            self.config,
            filled=working.filled,
            triggered=working.triggered,
            position=self.holding.quantity,
            buying_power=self._buying_power(but=working),
            volume_used=volume_used,
            queue_ahead=working.queue_ahead,
            seed=self.seed,
        )
        working.triggered, working.queue_ahead = result.triggered, result.queue_ahead
        return result

    def _apply(self, working: _Working, sim: SimFill) -> Fill:
        side, multiplier = working.order.side, self.instrument.multiplier
        before = self.holding.realised_pnl
        self.holding = apply_fill(self.holding, side, sim.quantity, sim.price, sim.fee, multiplier)
        self.cash = EXACT.add(self.cash, cash_delta(side, sim.quantity, sim.price, sim.fee, multiplier))
        working.filled = EXACT.add(working.filled, sim.quantity)
        working.reserved = self._reservation(working.order, working.order.quantity - working.filled)
        symbol = self.instrument.symbol
        fill = Fill(working.intent.seq, symbol, side, sim.quantity, sim.price, sim.fee, sim.market_ms)
        realised = EXACT.subtract(self.holding.realised_pnl, before)
        self.fills.append(TradedFill(fill, sim.liquidity, realised))
        return fill


def _order(intent: Intent) -> SimOrder:
    return SimOrder(
        order_id=str(intent.seq),
        side=intent.side,
        quantity=intent.quantity,
        order_type=intent.order_type,
        time_in_force=intent.time_in_force,
        accepted_ms=intent.on_bar_end_ms,
        limit_price=intent.limit_price,
        stop_price=intent.stop_price,
        reduce_only=intent.reduce_only,
        post_only=intent.post_only,
        extended_hours=intent.extended_hours,
    )
