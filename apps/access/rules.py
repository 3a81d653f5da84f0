"""Pure decisions: who fills which slot of a consent, and whether an OIDC token is the trusted workload's, now."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

LEEWAY_S = 30
ASSERTION_AGE_S_MAX = 3600
JTI_MAX = 512


def seat(slots: Sequence[str], able: Mapping[UUID, frozenset[str]]) -> dict[int, UUID]:
    """A maximum assignment of people to slots, one person one slot (bipartite matching).

    `able` maps a person to the permissions they hold; earlier voters keep a seat where possible. The
    method is augmenting paths (Kuhn 1955); slots are few, so its O(slots × people) does not matter.
    """
    seats: dict[int, UUID] = {}

    def place(person: UUID, seen: set[int]) -> bool:
        for index, permission in enumerate(slots):
            if permission not in able[person] or index in seen:
                continue
            seen.add(index)
            if index not in seats or place(seats[index], seen):
                seats[index] = person
                return True
        return False

    for person in able:
        place(person, set())
    return seats


def is_granted(slots: Sequence[str], able: Mapping[UUID, frozenset[str]]) -> bool:
    """Whether the approving voters fill every slot."""
    return len(seat(slots, able)) == len(slots)


@dataclass(frozen=True, slots=True)
class Workload:
    """What the verified claims must say, exactly; `claims` are those beside issuer, audience and subject."""

    issuer: str
    audience: str
    subject: str
    claims: Mapping[str, str]


def audience_of(claims: Mapping[str, Any]) -> str:
    """The one audience that the token names (RFC 7519 section 4.1.3), or "" when it names none or several."""
    named = claims.get("aud")
    if isinstance(named, list) and len(named) == 1:
        named = named[0]
    return named if isinstance(named, str) else ""


def assertion_fault(claims: Mapping[str, Any], workload: Workload, now_s: float) -> str | None:
    """The code of the first reason not to believe the claims, or None.

    Times are seconds since the Unix epoch, and clocks may differ by LEEWAY_S. `iat`, `exp` and `jti` must be there
    (RFC 7519 leaves them optional): without them a token could be exchanged for ever, or twice.
    """
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= JTI_MAX:
        return "SUBJECT_TOKEN_WITHOUT_ID"
    if not _is_of(claims, workload):
        return "SUBJECT_TOKEN_CLAIM"
    return _time_fault(claims, now_s)


def assertion_ends_s(claims: Mapping[str, Any]) -> float:
    """When nobody believes claims without a fault any more, in seconds since the Unix epoch."""
    return float(min(claims["exp"], claims["iat"] + ASSERTION_AGE_S_MAX)) + LEEWAY_S


def _is_of(claims: Mapping[str, Any], workload: Workload) -> bool:
    named = (claims.get("iss"), audience_of(claims), claims.get("sub"))
    if named != (workload.issuer, workload.audience, workload.subject):
        return False
    return all(_text(claims.get(name)) == wanted for name, wanted in workload.claims.items())


def _text(value: Any) -> str | None:
    """A claim as text: issuers write ids as numbers or strings, and flags as booleans or strings."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else None


def _time_fault(claims: Mapping[str, Any], now_s: float) -> str | None:
    stated = [claims.get("iat"), claims.get("exp"), claims.get("nbf", claims.get("iat"))]
    if not all(_is_moment(moment) for moment in stated):
        return "SUBJECT_TOKEN_TIMES"
    issued, expires, begins = (float(moment) for moment in stated if moment is not None)
    if now_s >= expires + LEEWAY_S:
        return "SUBJECT_TOKEN_EXPIRED"
    if now_s < max(issued, begins) - LEEWAY_S:
        return "SUBJECT_TOKEN_NOT_YET_VALID"
    return "SUBJECT_TOKEN_TOO_OLD" if now_s >= issued + ASSERTION_AGE_S_MAX + LEEWAY_S else None


def _is_moment(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < 2**53 and math.isfinite(value)
