"""What the matrix asks of the market's endpoints and forms: bodies, and what waits for a vote."""

from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.common.clocks import wall_now
from apps.markets.models import (
    FxRateRequest,
    MaintenanceRequest,
    MaintenanceWindow,
    MarketStateRequest,
    OfficialMark,
    OfficialMarkRequest,
)
from tests.api.world import START, Side


def fx_rate(_: Side) -> dict[str, Any]:
    """A rate to enter; what counts is 1."""
    until = (wall_now() + timedelta(hours=1)).isoformat()
    return {"base": "EUR", "quote": "USD", "rate": "1.01", "valid_until": until, "source": "desk"}


def maintenance(side: Side) -> dict[str, Any]:
    """A window to announce."""
    times = {"starts_at": wall_now().isoformat(), "ends_at": (wall_now() + timedelta(hours=1)).isoformat()}
    return {"venue": MaintenanceWindow.objects.get().scope_id, "source": "exchange"} | times


def less_maintenance(side: Side) -> dict[str, Any]:
    """A window to cancel."""
    return {"window": MaintenanceWindow.objects.get().pk}


def market_state(side: Side) -> dict[str, Any]:
    """A halt to state."""
    return {"instrument": side.instrument.pk, "state": "halted", "source": "exchange"}


def asked_rate(_: Side) -> dict[str, Any]:
    """The rate that waits for a vote."""
    return {"pk": FxRateRequest.objects.get().pk}


def asked_state(_: Side) -> dict[str, Any]:
    """The state that waits for a vote."""
    return {"pk": MarketStateRequest.objects.get().pk}


def asked_maintenance(_: Side) -> dict[str, Any]:
    """What would cancel the window, and waits for a vote."""
    return {"pk": MaintenanceRequest.objects.get().pk}


def window(_: Side) -> dict[str, Any]:
    """The announced window."""
    return {"pk": MaintenanceWindow.objects.get().pk}


def mark(side: Side) -> dict[str, Any]:
    """The official price of a day, as the feed had it."""
    said = {"instrument": str(side.instrument.pk), "trading_day": START.date().isoformat(), "price": "60000"}
    return said | {"kind": "close", "source": "exchange"}


def mark_file(_: Side) -> dict[str, Any]:
    """A file of marks that is none."""
    return {"file": SimpleUploadedFile("marks.csv", b"nothing"), "reason": "the day's"}


def known_mark(_: Side) -> dict[str, Any]:
    """The mark that was stated."""
    return {"pk": OfficialMark.objects.get().pk}


def asked_mark(_: Side) -> dict[str, Any]:
    """The mark that waits for a vote."""
    return {"pk": OfficialMarkRequest.objects.get().pk}


# What waits for a vote on a page, by the name of its form.
VOTED_ON = {
    "fx_rate": asked_rate, "market_state": asked_state, "maintenance": asked_maintenance, "mark": asked_mark,
}  # fmt: skip
