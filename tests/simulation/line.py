"""The wire to the venue, which can do anything a wire does: lose, repeat, delay and reorder what goes over it."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.common.errors import DomainError
from apps.venues.adapters.base import VenueOrderState, VenueRejected, VenueTimeout
from apps.venues.paper import books, rules
from apps.venues.paper import services as paper
from apps.venues.paper.models import PaperMarket, PaperOrder
from tests.simulation.sources import Clock
from tests.simulation.stage import Stage

ORDERS = frozenset({"submit", "cancel", "replace"})
FAULTS = ("drop_request", "drop_reply", "duplicate", "delay", "garbage")
ASKING = ("drop_request", "drop_reply", "garbage")
LISTING = (*ASKING, "reorder", "reorder")
# What is still on its way after this long is lost in the repairable profile.
DELAY_S_MAX = 8.0
UNBOUNDED_S = 120.0


class Garbage(Exception):
    """An answer that no adapter understands."""


@dataclass
class Message:
    """A request that is still on its way."""

    due_s: float
    name: str
    subject: str
    send: Callable[[], Any]
    text: str


@dataclass
class Line:
    """All wires to the venue; `rate` is the share of calls that meet a fault."""

    clock: Clock
    stage: Stage
    choices: random.Random
    name_of: Callable[[str], str]
    rate: float = 0.0
    late_fill_rate: float = 0.0
    delay_s_max: float = DELAY_S_MAX
    is_out: bool = False
    faults: Counter[str] = field(default_factory=Counter)
    under_way: list[Message] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    # By client order id: how often the product submitted it, what the venue said no to, lookups answered since.
    submitted: Counter[str] = field(default_factory=Counter)
    rejected: set[str] = field(default_factory=set)
    looked_up: Counter[str] = field(default_factory=Counter)
    # By worker: the positions that the venue stated last.
    confirmed: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    before_send: Callable[[str, Any], None] = lambda name, request: None
    on_arrival: Callable[[Message], None] = lambda message: None

    def wrap(self, adapter: Any) -> "Wire":
        """The adapter at the other end of a wire."""
        return Wire(adapter, self)

    def call(self, adapter: Any, name: str, args: tuple[Any, ...]) -> Any:
        """One call over the wire, whatever becomes of it."""
        subject = self._subject(name, args)
        if name in ("submit", "replace"):
            with self.stage.unwatched():
                self.before_send(name, args[0])
        self.stage.pause()
        if name == "submit":
            self.submitted[subject] += 1
            self.looked_up[subject] = 0
        fault = self._fault(name)
        if fault:
            self.faults[fault] += 1
        answer = self._carry(adapter, name, args, subject, fault)
        self.stage.pause()
        return answer

    def _fault(self, name: str) -> str:
        if self.is_out:
            return "drop_request"
        if self.choices.random() >= self.rate:
            return ""
        if name in ORDERS:
            return self.choices.choice(FAULTS)
        return self.choices.choice(LISTING if name == "trades_since" else ASKING)

    def _carry(self, adapter: Any, name: str, args: tuple[Any, ...], subject: str, fault: str) -> Any:
        label = f"{name} {self.name_of(subject)}".strip()
        if fault in ("drop_request", "delay"):
            if fault == "delay":
                self._delay(adapter, name, args, label)
            self._wait(label, fault)
        if fault == "duplicate":
            self._quietly(lambda: self._ask(adapter, name, args))
        try:
            answer = self._ask(adapter, name, args)
        except VenueRejected as error:
            if name == "submit" and fault != "drop_reply":
                self.rejected.add(subject)
            self.log.append(f"{label}: no, {error.code}")
            if fault == "drop_reply":
                self._wait(label, fault)
            raise
        if fault == "drop_reply":
            self._wait(label, fault)
        if fault == "garbage":
            self.log.append(f"{label}: garbage")
            raise Garbage("this is no answer")
        if fault == "reorder":
            self.choices.shuffle(answer)
        if name == "order_by_client_id":
            self.looked_up[subject] += 1
        if name == "positions":
            self.confirmed[self.stage.name()] = {held.symbol: held.quantity for held in answer}
        self.log.append(f"{label}: {said(answer)}")
        return answer

    def _ask(self, adapter: Any, name: str, args: tuple[Any, ...]) -> Any:
        answer = getattr(adapter, name)(*args)
        if name == "cancel" and self.choices.random() < self.late_fill_rate:
            with self.stage.unwatched():
                self.faults["fill_after_cancel"] += fill_after_cancel(args[0], self.choices)
        return answer

    def _delay(self, adapter: Any, name: str, args: tuple[Any, ...], label: str) -> None:
        due_s = self.clock.true_s + self.choices.uniform(0.1, self.delay_s_max)
        subject = self._subject(name, args)
        self.under_way.append(Message(due_s, name, subject, lambda: self._ask(adapter, name, args), label))

    def _wait(self, label: str, fault: str) -> None:
        """Nobody answers, and waiting for it takes time."""
        self.log.append(f"{label}: {fault}")
        self.clock.pass_time(self.choices.choice((0.0, 0.0, 0.2, 1.0, 5.0)))
        self.deliver()
        raise VenueTimeout("no answer")

    def deliver(self) -> None:
        """What was delayed arrives, in no order but its own."""
        arrived = [message for message in self.under_way if message.due_s <= self.clock.true_s]
        for message in sorted(arrived, key=lambda message: message.due_s):
            self.under_way.remove(message)
            self.log.append(f"late: {message.text}")
            with self.stage.unwatched():
                self.on_arrival(message)
                self._quietly(message.send)

    def _quietly(self, send: Callable[[], Any]) -> None:
        try:
            send()
        except DomainError as error:
            self.log.append(f"nobody hears: {error.code}")

    def _subject(self, name: str, args: tuple[Any, ...]) -> str:
        if name in ("submit", "replace"):
            return str(args[0].client_order_id)
        return str(args[0]) if name in ("cancel", "order_by_client_id") else ""


class Wire:
    """An adapter whose every call goes over the line."""

    def __init__(self, adapter: Any, line: Line) -> None:
        self._adapter, self._line = adapter, line

    def capabilities(self) -> Any:
        """Not asked of the venue."""
        return self._adapter.capabilities()

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self._line.call(self._adapter, name, args)


def said(answer: Any) -> str:
    """An answer for the trace, without ids."""
    if answer is None or isinstance(answer, list):
        return "nothing" if not answer else f"{len(answer)} rows"
    state = getattr(answer, "state", "")
    return f"{state} {getattr(answer, 'filled_quantity', '')}".strip() or "yes"


def fill_after_cancel(client_order_id: str, choices: random.Random) -> int:
    """The venue cancelled the order, and yet it had traded: 1 when there was something left to trade."""
    with transaction.atomic():
        order = PaperOrder.objects.filter(client_order_id=client_order_id).select_related("account").first()
        if order is None or order.state != VenueOrderState.CANCELED:
            return 0
        account = paper.lock_account(order.account.name)
        held = paper.position_of(account, order.symbol)
        quantity, price = _tradable(order, held, choices), order.limit_price or order.stop_price or Decimal(100)
        if quantity <= 0:
            return 0
        market = PaperMarket.objects.get(symbol=order.symbol)
        # What the order had traded before tells two late fills of one order apart.
        trade_id = f"{order.pk.hex}-late-{order.filled_quantity.normalize():f}"
        late: dict[str, Any] = {"quantity": quantity, "price": price, "trade_id": trade_id}
        books.book_trade(account, market, order, fee=Decimal(0), **late)
        order.average_price = rules.average(order.filled_quantity, order.average_price, quantity, price)
        order.filled_quantity += quantity
        if order.filled_quantity == order.quantity:
            order.state = VenueOrderState.FILLED
        order.save(update_fields=["filled_quantity", "average_price", "state", "updated_at"])
    return 1


def _tradable(order: PaperOrder, held: Decimal, choices: random.Random) -> Decimal:
    left = order.quantity - order.filled_quantity
    if order.is_reduce_only:
        left = min(left, max(Decimal(0), held if order.side == "SELL" else -held))
    return min(left, Decimal(choices.randrange(1, 3)))
