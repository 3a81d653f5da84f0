"""Sources with their people and keys, and messages signed by the scheme's own library."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from apps.access import services as access
from apps.access.models import User
from apps.common.clocks import wall_now
from apps.execution.models import Order
from apps.execution.signals import services as signals
from apps.execution.signals.models import Signal, SignalSource
from apps.execution.signals.rules.verification import Headers
from tests.execution.builders import Floor
from tests.markets.builders import BY

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "action": {"type": "string"},
        "size": {"type": ["string", "number"]},
        "price": {"type": ["string", "number"]},
        "symbol": {"type": "string"},
    },
    "required": ["action", "size"],
    "additionalProperties": False,
}
MAPPING: dict[str, Any] = {
    "side": {"at": "/action", "values": {"long": "BUY", "short": "SELL"}},
    "quantity": {"at": "/size"},
    "order_type": {"value": "LIMIT"},
    "limit_price": {"at": "/price"},
    "symbol": {"at": "/symbol", "optional": True},
    "time_in_force": {"value": "GTC"},
    "purpose": {"value": "OPENING"},
}
ENVELOPE = {"secret": "/secret", "timestamp": "/sent"}
WEAK_SCHEMA = SCHEMA | {"additionalProperties": True}
LONG = {"action": "long", "size": "1", "price": "100"}
HOME = "203.0.113.7"
ALLOWED = ["203.0.113.0/24"]


@dataclass
class Desk:
    """A floor, the people who open a way to trade on it, and the machine in whose name messages trade."""

    floor: Floor
    administrator: User
    second_administrator: User
    risk_owner: User
    machine: User


def make_desk(floor: Floor) -> Desk:
    """Everybody holds on the bot's desk; the machine on the bot."""
    scope = floor.account.bucket.desk.scope
    machine = access.make_service_account(username="sender", display_name="Sender", **BY)
    access.grant_role(user=machine, role="bot", scope=floor.bot.scope, **BY)
    return Desk(
        floor=floor,
        administrator=_person("ada", "administrator", scope),
        second_administrator=_person("abe", "administrator", scope),
        risk_owner=_person("rose", "risk owner", scope),
        machine=machine,
    )


def _person(name: str, role: str, scope: Any) -> User:
    user = access.make_person(username=name, display_name=name.title(), password="correct-horse-battery", **BY)
    access.grant_role(user=user, role=role, scope=scope, **BY)
    return user


def make_source(desk: Desk, **overrides: Any) -> SignalSource:
    """An inactive source of signed messages; keyword arguments replace its fields."""
    fields: dict[str, Any] = {
        "name": "momentum",
        "deployment": desk.floor.deployment,
        "acts_as": desk.machine,
        "mode": "standard_webhooks",
        "body_schema": SCHEMA,
        "mapping": MAPPING,
        "envelope": {},
        "allow_list": [],
        "messages_per_minute": 600,
        "actor": desk.administrator,
        "reason": "a sender of ours",
    }
    return signals.make_source(**(fields | overrides))


def make_weak_source(desk: Desk, **overrides: Any) -> SignalSource:
    """An inactive source that carries its secret in the body."""
    fields = {
        "name": "chart",
        "mode": "body_secret",
        "body_schema": WEAK_SCHEMA,
        "envelope": ENVELOPE,
        "allow_list": ALLOWED,
    }
    return make_source(desk, **(fields | overrides))


def activate(desk: Desk, source: SignalSource) -> str:
    """Make its key, ask, consent; the key."""
    key = signals.make_keys(source=source, **BY)
    asked = signals.request_activation(source=source, actor=desk.administrator, reason="wired and tested")
    assert asked.consent is not None
    signals.vote_activation(
        source=source, actor=desk.risk_owner, approve=True, reason="small sizes", digest=asked.consent.digest
    )
    return key


def raw(body: Any) -> bytes:
    """The body as bytes; bytes stay."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def signed(key: str, body: Any, *, identity: str = "msg-1", at: datetime | None = None) -> Headers:
    """The headers that the scheme's own library makes for the body."""
    moment = at or wall_now()
    signature = Webhook(key).sign(identity, moment.replace(microsecond=0).astimezone(UTC), raw(body).decode())
    return Headers(id=identity, timestamp=str(int(moment.timestamp())), signature=signature)


def message(key: str, body: Any = LONG, *, identity: str = "msg-1", at: datetime | None = None) -> signals.Delivery:
    """A signed call from the sender's home."""
    return signals.Delivery(headers=signed(key, body, identity=identity, at=at), body=raw(body), address=HOME)


def weak_message(key: str, body: Any = LONG, *, at: datetime | None = None, **fields: Any) -> signals.Delivery:
    """A call that carries its secret and time in the body; `fields` are added, None takes one away."""
    moment = at or wall_now()
    whole = body | {"secret": key, "sent": moment.strftime("%Y-%m-%dT%H:%M:%SZ")} | fields
    whole = {name: value for name, value in whole.items() if value is not None}
    return signals.Delivery(headers=Headers("", "", ""), body=raw(whole), address=HOME)


def receive(source: SignalSource | str, delivery: signals.Delivery) -> Signal:
    """Take it."""
    name = source if isinstance(source, str) else source.name
    return signals.receive(name=name, delivery=delivery)


def count() -> tuple[int, int]:
    """How many messages were kept and how many orders there are."""
    return Signal.objects.count(), Order.objects.count()


def code_of(call: Callable[[], Any]) -> str:
    """The code of the call's refusal, or "" when it was not refused."""
    try:
        call()
    except Exception as error:
        return str(getattr(error, "code", repr(error)))
    return ""
