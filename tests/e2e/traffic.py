"""Orders sent to the product without pause, each one repeated under its key until it is answered."""

import itertools
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from tests.e2e.clients import Caller

PACE_SECONDS = 0.1
PATIENCE_SECONDS = 180.0
# How many orders of one program rest before the oldest is cancelled: time enough to reach the venue first.
RESTING_MAX = 8


@dataclass(frozen=True)
class Wish:
    """What to order: as in the REST API, with the words that both desks share."""

    side: str
    order_type: str
    purpose: str
    is_cancelled: bool = False


# Most of them rest at the venue and are cancelled there: what fills soon meets the ends of cash and position.
RESTS = Wish("BUY", "LIMIT", "OPENING", is_cancelled=True)
WISHES = (
    Wish("BUY", "MARKET", "OPENING"),
    *[RESTS] * 9,
    Wish("SELL", "MARKET", "EXIT"),
    *[RESTS] * 9,
)


@dataclass
class Traffic:
    """One program of a desk that trades beside its bot."""

    caller: Caller
    deployment: str
    instrument: str
    quantity: str
    far_price: str
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    denied: int = 0
    repeats: int = 0
    surprises: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_over = threading.Event()
        self._resting: deque[str] = deque()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the order in hand and end."""
        self._is_over.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "an order was never answered"

    def _run(self) -> None:
        for turn, wish in enumerate(itertools.cycle(WISHES)):
            if self._is_over.wait(PACE_SECONDS):
                return
            # Another size each time: the same order twice within a second is refused as a mistake.
            self._place(wish, size=turn % 7 + 1)

    def _place(self, wish: Wish, size: int) -> None:
        key = f"traffic-{uuid.uuid4()}"
        answer = self._ask("orders/", self._body(wish, size), key)
        if answer is None:
            return
        if answer.status_code == 201:
            self.answers[key] = answer.json()
            if wish.is_cancelled:
                self._rest(answer.json()["id"])
        elif answer.json().get("code") == "ORDER_DENIED":
            self.denied += 1
        else:
            self.surprises.append(f"{answer.status_code}: {answer.text[:300]}")

    def _rest(self, order: str) -> None:
        """Let an order rest, and cancel the one that has rested longest when there are enough."""
        self._resting.append(order)
        if len(self._resting) > RESTING_MAX:
            oldest = self._resting.popleft()
            self._ask(f"orders/{oldest}/cancel/", {"reason": "was far away"}, f"traffic-{oldest}-cancel")

    def _body(self, wish: Wish, size: int) -> dict[str, Any]:
        return {
            "deployment": self.deployment,
            "instrument": self.instrument,
            "side": wish.side,
            "quantity": str(size * Decimal(self.quantity)),
            "order_type": wish.order_type,
            "limit_price": self.far_price if wish.order_type == "LIMIT" else None,
            "time_in_force": "GTC",
            "purpose": wish.purpose,
        }

    def _ask(self, path: str, body: dict[str, Any], key: str) -> httpx.Response | None:
        """The answer to one call; while nobody can answer, the same call is made again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self.caller.post(path, body, key=key)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code < 500:
                return answer
            self.repeats += 1
            self._is_over.wait(0) or time.sleep(PACE_SECONDS)
        self.surprises.append(f"never answered: {path}")
        return None
