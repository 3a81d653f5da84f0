"""Venues, accounts, and the way to an account's adapter."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from django.conf import settings
from django.core.validators import slug_re
from django.db import IntegrityError

from apps.access import selectors as access
from apps.access.models import RiskBucket, User
from apps.access.services import make_scope
from apps.access.states import ScopeKind
from apps.audit import services as audit
from apps.audit.context import acting
from apps.bots.states import Environment, Mode
from apps.common import decimals
from apps.common.errors import Invalid, Refused
from apps.markets.services import CURRENCY
from apps.venues import breaker, budget, messages
from apps.venues.adapters.base import Adapter, Capabilities, VenueDown, VenueTrade
from apps.venues.adapters.guard import Guarded
from apps.venues.budget import Priority
from apps.venues.models import Account, Venue

NAME_CHARS_MAX = 50
SECRET = re.compile("key|secret|pass|token", re.IGNORECASE)
ADAPTER_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_capabilities: dict[tuple[str, str, str], Capabilities] = {}


def make_venue(
    *,
    name: str,
    adapter: str,
    mode: str,
    actor: User | str,
    reason: str,
    venue_settings: dict[str, object] | None = None,
) -> Venue:
    """A venue reached through `adapter`.

    `venue_settings` are shown by API and kept in history: no secret belongs there. Raises Invalid NAME_MALFORMED,
    SETTINGS_SECRET, ADAPTER_UNKNOWN, VENUE_NAME_TAKEN; Refused ADAPTER_MODE.
    """
    _check_name(name)
    if _holds_secret(venue_settings):
        raise Invalid("SETTINGS_SECRET", "keys go into a file of their own, see docs/adding-a-venue.md")
    if mode not in _load(adapter).MODES:
        raise Refused("ADAPTER_MODE", f"the adapter {adapter} does not trade in {mode} mode")
    try:
        with acting(actor, reason):
            scope = make_scope(kind=ScopeKind.VENUE, name=name, parent=access.firm().scope)
            venue = Venue.objects.create(
                name=name, adapter=adapter, mode=mode, settings=venue_settings or {}, scope=scope
            )
            audit.record("venue.made", venue, scope_id=scope.pk, after={"adapter": adapter, "mode": mode})
    except IntegrityError as error:
        raise Invalid("VENUE_NAME_TAKEN", f"there is a venue named {name}", field="name") from error
    return venue


def _check_name(name: str) -> None:
    """It stands in addresses, and an account's is the name of its key file."""
    if len(name) > NAME_CHARS_MAX or not slug_re.fullmatch(name):
        raise Invalid("NAME_MALFORMED", f"a name is up to {NAME_CHARS_MAX} letters, digits, - and _", field="name")


def _holds_secret(value: object) -> bool:
    """Whether anything in nested settings is named like a secret."""
    if isinstance(value, Mapping):
        return any(SECRET.search(str(name)) or _holds_secret(inner) for name, inner in value.items())
    return isinstance(value, list) and any(map(_holds_secret, value))


def make_account(
    *,
    venue: Venue,
    bucket: RiskBucket,
    name: str,
    environment: str,
    currency: str,
    opening_cash: Decimal | str,
    actor: User | str,
    reason: str,
) -> Account:
    """Our record of an account at a venue, below its bucket; its mode follows from the environment.

    `opening_cash` is what is there before our first fill; reconciliation starts from it. Raises Refused
    VENUE_MODE_MISMATCH; Invalid NAME_MALFORMED, CURRENCY_MALFORMED, ENVIRONMENT_UNKNOWN, DECIMAL_MALFORMED,
    ACCOUNT_NAME_TAKEN.
    """
    _check_name(name)
    if not CURRENCY.fullmatch(currency):
        raise Invalid("CURRENCY_MALFORMED", "a currency is its code, such as USD, in capitals", field="currency")
    if environment not in Environment.values:
        raise Invalid("ENVIRONMENT_UNKNOWN", f"environment is one of {', '.join(Environment.values)}")
    mode = Mode.LIVE if environment == Environment.LIVE else Mode.PAPER
    _check_mode(mode, venue)
    cash = decimals.parse(opening_cash, "opening_cash")
    try:
        with acting(actor, reason):
            scope = make_scope(kind=ScopeKind.ACCOUNT, name=name, parent=bucket.scope)
            account = Account.objects.create(
                venue=venue,
                bucket=bucket,
                name=name,
                environment=environment,
                mode=mode,
                currency=currency,
                opening_cash=cash,
                scope=scope,
            )
            audit.record("account.made", account, scope_id=scope.pk, after={"environment": environment})
    except IntegrityError as error:
        raise Invalid("ACCOUNT_NAME_TAKEN", f"there is an account named {name}", field="name") from error
    return account


def adapter_for(account: Account) -> Adapter:
    """The guarded adapter of an account: each call has settings.VENUE_TIMEOUT_S to answer.

    Raises Refused VENUE_MODE_MISMATCH when the account and its venue disagree about real money.
    """
    venue = account.venue
    _check_mode(account.mode, venue)
    adapter: Adapter = _load(venue.adapter).connect(account, settings.VENUE_TIMEOUT_S)
    return Guarded(adapter, account)


def capabilities_of(account: Account) -> Capabilities:
    """What the account's venue takes, without asking it; it follows from the adapter and the venue's settings."""
    venue = account.venue
    known = (venue.adapter, venue.mode, json.dumps(venue.settings, sort_keys=True))
    if known not in _capabilities:
        _capabilities[known] = _load(venue.adapter).connect(account, settings.VENUE_TIMEOUT_S).capabilities()
    return _capabilities[known]


def reserve_call(account: Account, *, urgent: bool = False) -> None:
    """Hold one call of the account's budget for this thread's next submit or replace within a second.

    `urgent` is for what only reduces. Raises VenueBusy, VenueDown: nothing may be sent now, nothing was.
    """
    if not urgent and breaker.is_open(account.venue):
        raise VenueDown(f"{account.venue} does not answer", retry_in_s=breaker.probe_in_s(account.venue))
    priority = Priority.URGENT if urgent else Priority.ORDER
    budget.reserve_order(account.pk, capabilities_of(account).requests_per_minute, priority)


def flush_messages() -> None:
    """Write what this thread has said to venues and not recorded yet. Never raises."""
    messages.flush()


def keep_report(
    *,
    account: Account,
    client_order_id: str,
    trade: VenueTrade,
    request: dict[str, Any],
    sent_at: datetime,
    took_ms: float,
) -> None:
    """Keep the venue's raw report of a trade, redacted, in the transaction that books it; never fails the booking.

    The caller says once for each trade that it is new; `request`, `sent_at` and `took_ms` are of the call that
    listed it.
    """
    messages.report(
        account_id=account.pk,
        client_order_id=client_order_id,
        trade=trade,
        request=request,
        sent_at=sent_at,
        took_ms=took_ms,
    )


def _check_mode(mode: str, venue: Venue) -> None:
    if mode != venue.mode:
        raise Refused("VENUE_MODE_MISMATCH", f"a {mode} account cannot be at {venue}, which is {venue.mode}")


def _load(adapter: str) -> ModuleType:
    """The adapter's module, imported only when it is used: its library may be large or absent."""
    path = f"apps.venues.{adapter}.adapter"
    try:
        is_known = bool(ADAPTER_NAME.fullmatch(adapter)) and find_spec(path) is not None
    except ModuleNotFoundError:
        is_known = False
    if not is_known:
        raise Invalid("ADAPTER_UNKNOWN", f"there is no adapter named {adapter}", field="adapter")
    return import_module(path)
