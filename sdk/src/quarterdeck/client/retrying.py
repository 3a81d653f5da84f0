"""When a call is sent again, and after how long."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

ATTEMPTS = 6
FIRST_S, LONGEST_S = 0.5, 20.0
# Of these answers nothing was done, or what was done is answered again under the same Idempotency-Key.
AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Pauses:
    """Exponential back-off with full jitter, so that many clients do not come back at once."""

    attempts: int = ATTEMPTS
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random  # jitter, not a secret
    now: Callable[[], float] = time.time

    def wait(self, attempt: int, retry_after: str | None) -> None:
        """Wait after attempt number `attempt` (from 0); what the server asks for is the least."""
        jittered = self.chance() * min(LONGEST_S, FIRST_S * 2**attempt)
        self.sleep(max(jittered, self._asked(retry_after)))

    def _asked(self, retry_after: str | None) -> float:
        """Seconds of a Retry-After header (RFC 9110: a number or a date), at most a minute."""
        if not retry_after:
            return 0.0
        try:
            seconds = float(retry_after)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(retry_after).timestamp() - self.now()
            except (TypeError, ValueError):
                return 0.0
        return min(max(seconds, 0.0), 60.0)
