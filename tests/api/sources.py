"""A source of signals for each desk of the world."""

from typing import Any

from apps.access.models import User
from apps.execution.signals import services as signals

SIGNAL_SOURCE: dict[str, Any] = {
    "name": "new-source",
    "mode": "standard_webhooks",
    "body_schema": {"type": "object"},
    "mapping": {
        "side": {"value": "BUY"},
        "quantity": {"at": "/size"},
        "order_type": {"value": "MARKET"},
        "time_in_force": {"value": "IOC"},
        "purpose": {"value": "OPENING"},
    },
    "envelope": {},
    "allow_list": [],
    "messages_per_minute": 10,
}


def arrange_source(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    """The desk's own source, inactive."""
    objects["signal_source"] = signals.make_source(
        **SIGNAL_SOURCE | {"name": f"{name}-source"},
        deployment=objects["deployment"],
        acts_as=people["service account"],
        actor=people["administrator"],
        reason="arranged",
    )
