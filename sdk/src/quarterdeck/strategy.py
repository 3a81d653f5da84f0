"""The base class of a bot: it reacts to events and says what it wants; it never talks to a venue."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from quarterdeck.decimals import ZERO, parse_decimal
from quarterdeck.events import (
    Bar,
    Fill,
    Instrument,
    Intent,
    OrderType,
    OrderUpdate,
    Purpose,
    Side,
    TimeInForce,
)
from quarterdeck.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Context:
    """What a bot is started with; resumed is true when load_state has been given a checkpoint."""

    parameters: Mapping[str, Any]
    instruments: Mapping[str, Instrument]
    seed: int
    resumed: bool


class Strategy:
    """Subclass it and override the on_ methods; keep in dump_state everything the next event needs.

    The host may stop the process after any event and continue in another one from the checkpoint, so what
    is not in the checkpoint must not change what the bot does.
    """

    ctx: Context
    state: dict[str, Any]
    _outbox: Outbox

    def on_start(self, ctx: Context) -> None:
        """Read the parameters; called once per process, before load_state."""

    def on_bar(self, bar: Bar) -> None:
        """A bar has completed."""

    def on_fill(self, fill: Fill) -> None:
        """An order traded; position() already includes it."""

    def on_order(self, update: OrderUpdate) -> None:
        """An order was denied, rejected, cancelled or has expired."""

    def dump_state(self) -> dict[str, Any]:
        """The bot's own state as a JSON object; by default self.state."""
        return self.state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what dump_state gave; by default into self.state."""
        self.state = state

    def decimal(self, name: str) -> Decimal:
        """A parameter that is a decimal string; ValueError when it is not one."""
        return parse_decimal(self.ctx.parameters[name])

    def position(self, instrument: str | None = None) -> Decimal:
        """The signed quantity held by the bot's fills so far."""
        return self._outbox.positions.get(self._symbol(instrument), ZERO)

    def has_open_orders(self, instrument: str | None = None) -> bool:
        """Whether an order of this bot may still trade."""
        symbol = self._symbol(instrument)
        return any(order.instrument == symbol for order in self._outbox.open.values())

    def buy(self, quantity: Decimal, **terms: Any) -> Intent:
        """Ask for a purchase; terms as in order()."""
        return self.order(Side.BUY, quantity, **terms)

    def sell(self, quantity: Decimal, **terms: Any) -> Intent:
        """Ask for a sale; terms as in order()."""
        return self.order(Side.SELL, quantity, **terms)

    def exit(self, instrument: str | None = None) -> Intent | None:
        """Ask to close the whole position at the market, reduce-only; None when there is none."""
        held = self.position(instrument)
        if held == 0:
            return None
        side = Side.SELL if held > 0 else Side.BUY
        return self.order(side, abs(held), instrument=instrument, purpose=Purpose.EXIT, reduce_only=True)

    def order(
        self,
        side: Side,
        quantity: Decimal,
        *,
        instrument: str | None = None,
        order_type: OrderType = OrderType.MARKET,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        purpose: Purpose = Purpose.OPENING,
        reduce_only: bool = False,
        post_only: bool = False,
        extended_hours: bool = False,
    ) -> Intent:
        """Ask for an order, decided at the market time of the event in hand.

        A post-only limit order is refused by the venue where it would take. A limit order for the DAY may also
        trade before and after the regular session, with extended_hours.
        ValueError for a quantity or price that is not a positive finite number, KeyError for an instrument
        the bot was not given; OutboxFull past the bound on intents per event.
        """
        return self._outbox.intend(
            instrument=self._symbol(instrument),
            side=side,
            quantity=quantity,
            order_type=order_type,
            limit_price=limit_price,
            stop_price=stop_price,
            time_in_force=time_in_force,
            purpose=purpose,
            reduce_only=reduce_only,
            post_only=post_only,
            extended_hours=extended_hours,
        )

    def signal(self, name: str, value: Decimal) -> None:
        """Record a value the strategy saw, order or not."""
        self._outbox.note_signal(name, value)

    def inputs(self, **values: Decimal | int | str) -> None:
        """Record the model's inputs behind the decision in hand."""
        self._outbox.note_inputs(values)

    def _symbol(self, instrument: str | None) -> str:
        known = self.ctx.instruments
        if instrument is None:
            if len(known) != 1:
                raise KeyError("name the instrument: the bot was given more than one")
            return next(iter(known))
        if instrument not in known:
            raise KeyError(f"unknown instrument {instrument}")
        return instrument
