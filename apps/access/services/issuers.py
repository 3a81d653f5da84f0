"""The keys of an issuer (OpenID Connect Discovery 1.0, section 4), kept for all processes and asked for when needed."""

from datetime import datetime, timedelta
from typing import Any

import jwt
from django.db import connection
from django.db.models import Q

from apps.access.models import IssuerKeys
from apps.access.services import fetching, keysets
from apps.common.clocks import wall_now
from apps.common.errors import Refused, Unavailable

FRESH = timedelta(minutes=15)
TRUSTED = timedelta(hours=1)
ASKED_AGAIN_AFTER = timedelta(seconds=30)
TRIED_AGAIN_AFTER = timedelta(seconds=5)
DISCOVERY = "/.well-known/openid-configuration"


def keys_for(issuer: str, kid: Any) -> dict[str, jwt.PyJWK]:
    """The issuer's keys, asked for when they are old or lack `kid`; however many tokens come, at most so often.

    No transaction and no lock spans the question (design rule 3): of those who want to ask, one conditional update
    lets one go. Raises Unavailable ISSUER_UNREACHABLE when no keys can be had that may still be believed.
    """
    row = IssuerKeys.objects.filter(issuer=issuer).first() or IssuerKeys(issuer=issuer)
    now = wall_now()
    known = _known(row, now)
    if kid in known and _age(row, now) < FRESH:
        return known
    if not _takes_turn(issuer, now, again_after=ASKED_AGAIN_AFTER if known else TRIED_AGAIN_AFTER):
        if known:
            return known
        raise Unavailable("ISSUER_UNREACHABLE", "the issuer's keys are being asked for: try again in some seconds")
    try:
        return _ask(issuer)
    except Unavailable:
        if kid in known:
            return known
        raise


def _known(row: IssuerKeys, now: datetime) -> dict[str, jwt.PyJWK]:
    return keysets.usable(row.jwks) if _age(row, now) < TRUSTED else {}


def _age(row: IssuerKeys, now: datetime) -> timedelta:
    return now - row.fetched_at if row.fetched_at else timedelta.max


def _takes_turn(issuer: str, now: datetime, *, again_after: timedelta) -> bool:
    """Whether this caller is the one who asks now."""
    IssuerKeys.objects.bulk_create([IssuerKeys(issuer=issuer)], ignore_conflicts=True)
    free = Q(asked_at__isnull=True) | Q(asked_at__lte=now - again_after)
    return IssuerKeys.objects.filter(free, issuer=issuer).update(asked_at=now) == 1


def _ask(issuer: str) -> dict[str, jwt.PyJWK]:
    """Ask the issuer, and keep what it says."""
    document = published(issuer)
    found = keysets.usable(document)
    if not found:
        raise Unavailable("ISSUER_UNREACHABLE", "the issuer publishes no key that can be used")
    IssuerKeys.objects.filter(issuer=issuer).update(jwks={"keys": document["keys"]}, fetched_at=wall_now())
    return found


def published(issuer: str) -> Any:
    """The key set that the issuer publishes now. Raises Unavailable ISSUER_UNREACHABLE."""
    if connection.in_atomic_block:
        raise Refused("CALL_INSIDE_TRANSACTION", "an issuer is never asked inside a transaction")
    place = fetching.place_of(issuer)
    described = fetching.get_json(issuer.rstrip("/") + DISCOVERY, place)
    if not isinstance(described, dict) or described.get("issuer") != issuer:
        raise Unavailable("ISSUER_UNREACHABLE", "what the issuer's address describes is another issuer")
    return fetching.get_json(str(described.get("jwks_uri", "")), place)
