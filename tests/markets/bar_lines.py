"""Files of bars as people upload them, written line by line."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.markets import services
from apps.markets.models import Dataset, Instrument
from tests.markets.builders import BY, HOUR_MS

HEADER = b"timestamp,open,high,low,close,volume\n"
START = datetime(2024, 1, 1, tzinfo=UTC)


def line(hour: int, close: str = "100", volume: str = "1", zone: str = "Z", **overrides: str) -> bytes:
    """One hour's bar, open and close alike."""
    stamp = f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%S}{zone}"
    fields = {"timestamp": stamp, "open": close, "high": close, "low": close, "close": close, "volume": volume}
    return ",".join((fields | overrides).values()).encode() + b"\n"


def lines(count: int, close: str = "100") -> bytes:
    """A good file of so many hours."""
    return HEADER + b"".join(line(hour, close) for hour in range(count))


def upload(instrument: Instrument, content: bytes, **overrides: Any) -> Dataset:
    """Freeze these bytes."""
    fields: dict[str, Any] = {
        "name": "bars",
        "stream": io.BytesIO(content),
        "instrument": instrument,
        "interval_ms": HOUR_MS,
        "source": "exchange",
    }
    return services.upload_dataset(**(fields | BY | overrides))
