"""Sources: made inactive, activated by a second person, stopped by one at once."""

import json
from datetime import timedelta
from typing import Any

from django.db import IntegrityError

from apps.access import services as access
from apps.access.models import Scope, User
from apps.access.states import ConsentState, Permission
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import locks, nudges
from apps.common.canonical import digest
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden, Invalid, Refused
from apps.deployments.models import Deployment
from apps.execution.signals import keys
from apps.execution.signals.models import SignalRate, SignalSource
from apps.execution.signals.rules import payload, verification
from apps.execution.signals.states import SourceMode

ACTIVATION_OPEN_H = 24
RATE_MAX = 600


def make_source(
    *,
    name: str,
    deployment: Deployment,
    acts_as: User,
    mode: str,
    body_schema: dict[str, Any],
    mapping: dict[str, Any],
    envelope: dict[str, Any],
    allow_list: list[str],
    messages_per_minute: int,
    actor: User,
    reason: str,
) -> SignalSource:
    """A new source, inactive: it can trade only after `request_activation` and another person's vote.

    Raises Invalid SOURCE_NAME_TAKEN, SCHEMA_INVALID, MAPPING_INVALID, ENVELOPE_INVALID, ALLOW_LIST_REQUIRED,
    ALLOW_LIST_INVALID, ALLOW_LIST_TOO_WIDE, SOURCE_RATE, ACTS_AS_PERSON; Refused SENDER_MAY_NOT_TRADE,
    DEPLOYMENT_STOPPED; Forbidden PERSON_NEEDED.
    """
    _check_person(actor)
    _check_sender(acts_as, deployment)
    payload.check_schema(body_schema)
    payload.check_mapping(mapping)
    _check_mode(mode, envelope, allow_list)
    if not 1 <= messages_per_minute <= RATE_MAX:
        raise Invalid("SOURCE_RATE", f"a source sends between 1 and {RATE_MAX} messages a minute")
    try:
        with acting(actor, reason):
            source = SignalSource.objects.create(
                name=name,
                deployment=deployment,
                acts_as=acts_as,
                mode=mode,
                envelope=envelope,
                body_schema=body_schema,
                mapping=mapping,
                allow_list=allow_list,
                messages_per_minute=messages_per_minute,
                made_by=actor,
            )
            SignalRate.objects.create(source=source, minute=wall_now())
            audit.record("signal_source.made", source, scope_id=scope_of(source).pk, after={"mode": mode})
    except IntegrityError as error:
        if SignalSource.objects.filter(name=name).exists():
            raise Invalid("SOURCE_NAME_TAKEN", f"there is a source {name}: names are never used twice") from error
        raise
    return source


def request_activation(*, source: SignalSource, actor: User, reason: str) -> SignalSource:
    """Ask for consent to let the source trade; a risk owner who neither made it nor asks decides.

    Raises Refused SOURCE_ACTIVE, ACTIVATION_ASKED, KEYS_MISSING, KEYS_EXPOSED, KEYS_MALFORMED; Forbidden
    PERSON_NEEDED.
    """
    _check_person(actor)
    with acting(actor, reason):
        row = _locked(source)
        if row.is_active:
            raise Refused("SOURCE_ACTIVE", "this source is active")
        _check_sender(row.acts_as, row.deployment)
        keys.read(row.name)
        if row.consent is not None and row.consent.state == ConsentState.OPEN:
            if row.consent.expires_at > wall_now():
                raise Refused("ACTIVATION_ASKED", "the activation was asked for; a second person decides")
            access.void_consent(consent=row.consent, actor=actor, reason="expired; asked anew")
        row.consent = access.open_consent(
            act="signal_source.activate",
            target=row,
            scope=scope_of(row),
            digest=source_digest(row),
            slots=[Permission.VOTE_RISK.value],
            excluded=[row.made_by, actor],
            expires_at=wall_now() + timedelta(hours=ACTIVATION_OPEN_H),
            actor=actor,
            reason=reason,
        )
        row.save(update_fields=["consent"])
        nudges.hint("deployments")
    return row


def vote_activation(*, source: SignalSource, actor: User, approve: bool, reason: str, digest: str) -> SignalSource:
    """The second person's vote; when granted the source is active in the same transaction.

    Raises Refused CONSENT_NOT_OPEN and what `access.vote` raises.
    """
    with acting(actor, reason):
        row = _locked(source)
        if row.consent is None:
            raise Refused("CONSENT_NOT_OPEN", "nobody asked for the activation of this source")
        row.consent = access.vote(consent=row.consent, actor=actor, approve=approve, reason=reason, digest=digest)
        if row.consent.state == ConsentState.GRANTED:
            row.is_active = True
            row.save(update_fields=["is_active"])
            audit.record("signal_source.activated", row, scope_id=scope_of(row).pk)
        nudges.hint("deployments")
    return row


def deactivate(*, source: SignalSource, actor: User | str, reason: str) -> SignalSource:
    """Stop a source at once: when this returns, no message of it becomes an order. Twice is harmless.

    Consent that was given or asked for ends with it: to trade again it must be asked for anew.
    """
    with acting(actor, reason):
        row = _locked(source)
        if row.consent is not None and row.consent.state in (ConsentState.OPEN, ConsentState.GRANTED):
            row.consent = access.void_consent(consent=row.consent, actor=actor, reason=reason)
        if row.is_active:
            row.is_active = False
            row.save(update_fields=["is_active"])
            audit.record("signal_source.deactivated", row, scope_id=scope_of(row).pk)
        nudges.hint("deployments")
    return row


def source_digest(source: SignalSource) -> str:
    """What the voters consent to, and what must still hold when a message comes: everything but the keys."""
    deployment = source.deployment
    return digest(
        {
            "name": source.name,
            "deployment": str(deployment.pk),
            "bot": str(deployment.bot_id),
            "account": str(deployment.account_id),
            "account_mode": deployment.mode,
            "acts_as": str(source.acts_as_id),
            "mode": source.mode,
            "envelope": source.envelope,
            "body_schema": json.dumps(source.body_schema, sort_keys=True),
            "mapping": source.mapping,
            "allow_list": source.allow_list,
            "messages_per_minute": source.messages_per_minute,
        }
    )


def scope_of(source: SignalSource) -> Scope:
    """The scope that a source hangs on: its bot's."""
    return source.deployment.bot.scope


def may_trade(sender: User, deployment: Deployment) -> bool:
    """Whether the service account may place orders of the deployment now."""
    return sender.is_service and sender.is_active and access.may(sender, Permission.TRADE, deployment.bot.scope)


def _locked(source: SignalSource) -> SignalSource:
    """The row under the lock that a message takes, too: what happens here is before or after it, never between."""
    rows = SignalSource.objects.select_related("deployment__bot__scope", "acts_as", "made_by", "consent")
    return locks.row(rows, source.pk, keeps_key=True)


def _check_person(actor: User) -> None:
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person opens a way to trade")


def _check_sender(sender: User, deployment: Deployment) -> None:
    if not sender.is_service:
        raise Invalid("ACTS_AS_PERSON", "a source acts as a service account, never as a person")
    if not may_trade(sender, deployment):
        raise Refused("SENDER_MAY_NOT_TRADE", f"{sender} is inactive or may not trade for {deployment.bot}")
    if deployment.desired == "stopped":
        raise Refused("DEPLOYMENT_STOPPED", f"{deployment} is stopped: name one that runs")


def _check_mode(mode: str, envelope: dict[str, Any], allow_list: list[str]) -> None:
    if mode == SourceMode.BODY_SECRET:
        payload.check_envelope(envelope)
        if not allow_list:
            raise Invalid(
                "ALLOW_LIST_REQUIRED", "a secret in the body is weak: name the networks that the sender calls from"
            )
    elif mode != SourceMode.STANDARD_WEBHOOKS:
        raise Invalid("SOURCE_MODE_UNKNOWN", "a source is standard_webhooks or body_secret")
    elif envelope:
        raise Invalid("ENVELOPE_INVALID", "a signed message has secret, time and id in its headers: leave this empty")
    verification.networks(allow_list)
