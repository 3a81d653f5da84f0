"""The line between a client and the paper venue: what a fault does to one call."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from apps.venues.adapters.base import NoAnswer, VenueRejected, VenueTimeout
from apps.venues.paper.models import PaperFault
from apps.venues.paper.states import Call, FaultKind

Answer = TypeVar("Answer")
TIMED_OUT = "the paper venue did not answer in time"
# How a call waits; tests and simulations put their own clock here.
wait: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Exchange(Generic[Answer]):
    """One call: `run` asks the venue, in a transaction of the venue's own that has ended when it returns.

    `hold` lets the request arrive that many milliseconds later, for calls that change something.
    """

    call: Call
    timeout_ms: int
    run: Callable[[PaperFault | None], Answer]
    hold: Callable[[int], None] | None = None

    def suffer(self, fault: PaperFault) -> Answer:
        """The call with that fault: its answer, or what the client sees instead."""
        if fault.kind == FaultKind.OUTAGE:
            raise NoAnswer("the paper venue is down")
        if fault.kind == FaultKind.DROP_REQUEST:
            raise VenueTimeout(TIMED_OUT)
        if fault.kind == FaultKind.DROP_REPLY:
            return self._unheard(fault)
        if fault.kind == FaultKind.DELAY:
            return self._slow(fault)
        if fault.kind == FaultKind.DUPLICATE:
            return self._twice(fault)
        if fault.kind == FaultKind.REJECT and self.call != Call.SUBMIT:
            raise VenueRejected(fault.code)
        answer = self.run(fault)
        if fault.kind == FaultKind.REORDER and isinstance(answer, list):
            answer.reverse()
        return answer

    def _unheard(self, fault: PaperFault) -> Answer:
        """The venue acts, or refuses, and nobody hears of it."""
        try:
            self.run(fault)
        except VenueRejected as refusal:
            raise VenueTimeout(TIMED_OUT) from refusal
        raise VenueTimeout(TIMED_OUT)

    def _slow(self, fault: PaperFault) -> Answer:
        """Within the timeout a slow answer; past it none, and the request arrives when its time has come."""
        if fault.delay_ms < self.timeout_ms:
            wait(fault.delay_ms / 1000)
            return self.run(fault)
        if self.hold is not None:
            self.hold(fault.delay_ms)
        wait(self.timeout_ms / 1000)
        raise VenueTimeout(TIMED_OUT)

    def _twice(self, fault: PaperFault) -> Answer:
        answer = self.run(fault)
        if isinstance(answer, list):
            answer[:] = [found for found in answer for _ in range(2)]
            return answer
        return self.run(fault)
