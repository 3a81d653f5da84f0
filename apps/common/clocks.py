"""The wall clock, injected: everything that needs the time asks here, so tests and simulations can set it.

The market clock belongs to a feed and lives in `apps.markets` (design rule 8).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


def _system() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system


def wall_now() -> datetime:
    """The current wall time in UTC."""
    return _source()


def to_ms(moment: datetime) -> int:
    """`moment` as whole milliseconds since the Unix epoch, exact (no float)."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_ms(epoch_ms: int) -> datetime:
    """The UTC moment `epoch_ms` milliseconds after the Unix epoch."""
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).replace(microsecond=epoch_ms % 1000 * 1000)


@contextmanager
def clock(source: Callable[[], datetime]) -> Iterator[None]:
    """Run a block with another source of wall time."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
