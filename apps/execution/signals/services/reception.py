"""From a message to an order: verified, taken once, understood, placed; nothing before all of that holds."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from django.core.serializers.json import DjangoJSONEncoder

from apps.access.states import ConsentState
from apps.alerts import services as alerts
from apps.alerts.models import Alert
from apps.alerts.states import AlertState, Tier
from apps.audit.context import acting, job
from apps.common import locks
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Invalid, Refused, TooMany
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.signals import keys
from apps.execution.signals.models import Signal, SignalRate, SignalSource
from apps.execution.signals.rules import payload, verification
from apps.execution.signals.services import sources
from apps.execution.signals.states import Outcome
from apps.execution.states import OrderState, OrderType, Purpose, Side, TimeInForce

log = structlog.get_logger(__name__)
# Far past the tolerance of five minutes; an order's id is derived from the message's, so not even later is there two.
KEPT = timedelta(days=90)
PURGED_AT_ONCE_MAX = 1_000
# Something to compare with where there is no key, so that an unknown source takes as long as a known one.
DECOY = verification.new_key()
WORDS = {
    "side": frozenset(Side.values),
    "order_type": frozenset(OrderType.values),
    "time_in_force": frozenset(TimeInForce.values),
    "purpose": frozenset(Purpose.values),
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A call as it came: the scheme's headers, the raw body, and the address of the caller."""

    headers: verification.Headers
    body: bytes = field(repr=False)
    address: str


@dataclass(frozen=True, slots=True)
class Message:
    """A verified message: its id, a digest by which a repeat is known, and the body without any secret."""

    id: str
    digest: str
    raw: bytes = field(default=b"", repr=False)
    body: Any = None


def receive(*, name: str, delivery: Delivery) -> Signal:
    """Take one message of the source `name`; the stored answer says what became of it.

    The same id and body again is answered from storage and orders nothing. Raises Unverified SIGNAL_SIGNATURE or
    SIGNAL_STALE, Refused SIGNAL_REPLAYED or SIGNAL_INACTIVE, TooMany SIGNAL_RATE, and Invalid SIGNAL_SCHEMA for a
    verified body without a usable id; none of these leaves a trace beyond the log.
    """
    source = SignalSource.objects.filter(name=name).first()
    try:
        message = _verified(source, delivery)
        if source is None:
            raise verification.bad_signature()
        with acting(source.acts_as, f"signal {message.id} of {source.name}"):
            return _take(_locked(source), message)
    except DomainError as error:
        log.warning("signal.refused", source=name[:60], code=error.code)
        raise


def _verified(source: SignalSource | None, delivery: Delivery) -> Message:
    now = wall_now()
    valid = _keys(source)
    if source is not None and source.allow_list:
        allowed = verification.networks(source.allow_list)
        if not verification.is_within(delivery.address, allowed):
            raise verification.bad_signature()
    if source is not None and source.is_weak:
        return _from_body(source, delivery.body, valid, now)
    identity = verification.verify(delivery.headers, delivery.body, valid, now)
    return Message(id=identity, digest=hashlib.sha256(delivery.body).hexdigest(), raw=delivery.body)


def _from_body(source: SignalSource, raw: bytes, valid: list[str], now: datetime) -> Message:
    """The message of a sender that cannot set headers: secret, time and id are fields of the body."""
    places = source.envelope
    try:
        body = payload.parse(raw)
    except Invalid:
        raise verification.bad_signature() from None
    if not verification.is_secret(payload.look(body, places["secret"]), valid):
        raise verification.bad_signature()
    verification.check_time(verification.body_time(payload.look(body, places["timestamp"])), now)
    body = payload.redacted(body, places["secret"])
    text = json.dumps(body, sort_keys=True, cls=DjangoJSONEncoder)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Message(id=_body_id(body, places) or digest, digest=digest, body=body)


def _body_id(body: Any, places: dict[str, str]) -> str:
    """The id that the body names; "" where the source's bodies have none."""
    if "id" not in places:
        return ""
    found = payload.look(body, places["id"])
    text = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    if not 1 <= len(text) <= 128:
        raise Invalid("SIGNAL_SCHEMA", "the body has no id of 1 to 128 characters where the source says")
    return text


def _keys(source: SignalSource | None) -> list[str]:
    """The source's keys; where they cannot be used, one that nobody has."""
    if source is None:
        return [DECOY]
    try:
        return keys.read(source.name).valid
    except Refused as error:
        _say_keys_fail(source, error)
        return [DECOY]


def _say_keys_fail(source: SignalSource, error: Refused) -> None:
    """One alert while it stands: strangers' calls must not write more than that."""
    dedup_key = f"signal-keys:{source.pk}"
    if not source.is_active or Alert.objects.filter(dedup_key=dedup_key).exclude(state=AlertState.RESOLVED).exists():
        return
    alerts.raise_alert(
        tier=Tier.HIGH,
        code=error.code,
        title=f"No message of the signal source {source.name} can be verified",
        scope=source.deployment.bot.scope,
        dedup_key=dedup_key,
        actor=job("signals"),
        reason=error.message,
        target=source,
    )


def _locked(source: SignalSource) -> SignalSource:
    """The source as it is now, its messages taken one after the other."""
    rows = SignalSource.objects.select_related("acts_as", "consent", "deployment")
    return locks.row(rows, source.pk, keeps_key=True)


def _take(source: SignalSource, message: Message) -> Signal:
    if not _is_open(source):
        raise Refused("SIGNAL_INACTIVE", "this source is not active; nothing was ordered")
    known = Signal.objects.filter(source=source, webhook_id=message.id).first()
    if known is not None:
        if known.body_digest != message.digest:
            raise Refused("SIGNAL_REPLAYED", "this id was used for another message; nothing was ordered")
        return known
    _count(source)
    return _judge(source, message)


def _is_open(source: SignalSource) -> bool:
    """Active, and still exactly what the second person consented to."""
    consent = source.consent
    return (
        source.is_active
        and consent is not None
        and consent.state == ConsentState.GRANTED
        and consent.digest == sources.source_digest(source)
    )


def _count(source: SignalSource) -> None:
    now = wall_now()
    minute = now.replace(second=0, microsecond=0)
    rate = SignalRate.objects.get(source=source)
    if rate.minute != minute:
        rate.minute, rate.count = minute, 0
        _purge(source, now - KEPT)
    if rate.count >= source.messages_per_minute:
        raise TooMany("SIGNAL_RATE", "the source's messages per minute are used up: send this one again later")
    rate.count += 1
    rate.save(update_fields=["minute", "count"])


def _purge(source: SignalSource, before: datetime) -> None:
    """Forget messages that came before the moment, some at a time; a source's next minute forgets more."""
    old = Signal.objects.filter(source=source, received_at__lt=before).order_by("received_at")
    Signal.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:PURGED_AT_ONCE_MAX])).delete()


def _judge(source: SignalSource, message: Message) -> Signal:
    body = message.body
    try:
        body = payload.parse(message.raw) if body is None else body
        payload.check_body(body, source.body_schema)
        terms = payload.terms(body, source.mapping, WORDS)
        ticket = _ticket(source, message.id, terms)
    except Invalid as error:
        return _keep(source, message, body, Outcome.MALFORMED, [error.code], detail=error.context)
    try:
        _check_sender(source, ticket.deployment)
        order = execution.place(ticket=ticket, actor=source.acts_as, reason=f"signal {message.id} of {source.name}")
    except (Invalid, Refused) as error:
        return _keep(source, message, body, Outcome.REFUSED, [error.code])
    outcome = Outcome.DENIED if order.state == OrderState.DENIED else Outcome.PLACED
    return _keep(source, message, body, outcome, list(order.codes), order=order)


def _ticket(source: SignalSource, message_id: str, terms: payload.Terms) -> execution.Ticket:
    deployment = Deployment.objects.select_related(
        "bot__scope", "account__scope", "account__venue__scope", "feed__dataset", "feed__instrument",
        "instrument__scope", "release__config_bundle",
    ).get(pk=source.deployment_id)  # fmt: skip
    if terms.symbol is not None and terms.symbol != deployment.instrument.symbol:
        raise payload.Unmapped("SIGNAL_MAPPING", "the source trades another instrument", field="symbol")
    return execution.Ticket(
        deployment=deployment,
        instrument=deployment.instrument,
        side=terms.side,
        quantity=terms.quantity,
        order_type=terms.order_type,
        purpose=terms.purpose,
        time_in_force=terms.time_in_force,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price,
        is_extended_hours=terms.extended_hours,
        client_order_id=order_id_of(source, message_id),
        by_signal=True,  # a second person activated the source: that is its session
    )


def order_id_of(source: SignalSource, message_id: str) -> UUID:
    """From source and message, so that a repeat is the same order even when the message is forgotten."""
    return uuid5(NAMESPACE_URL, f"quarterdeck:signal:{source.pk}:{message_id}")


def _check_sender(source: SignalSource, deployment: Deployment) -> None:
    if not sources.may_trade(source.acts_as, deployment):
        raise Refused("SENDER_MAY_NOT_TRADE", "the source's service account may not trade for this bot now")


def _keep(
    source: SignalSource,
    message: Message,
    body: Any,
    outcome: Outcome,
    codes: list[str],
    *,
    detail: dict[str, Any] | None = None,
    order: Order | None = None,
) -> Signal:
    return Signal.objects.create(
        source=source,
        webhook_id=message.id,
        body_digest=message.digest,
        body=None if body is None else json.loads(json.dumps(body, cls=DjangoJSONEncoder)),
        outcome=outcome,
        codes=codes,
        detail=detail or {},
        order=order,
    )
