"""The standard roles as data: what `make_firm` writes; a firm may add its own rows."""

from apps.access.states import Permission as P

ROLES: dict[str, set[str]] = {
    "engineer": {P.VIEW, P.BUILD},
    "trader": {P.VIEW, P.BUILD, P.VOTE_TRADER, P.HOLD, P.EXIT, P.RELEASE_HOLD},
    "risk owner": {P.VIEW, P.VOTE_RISK, P.SET_LIMITS, P.HOLD, P.RELEASE_HOLD, P.EXIT, P.AUDIT},
    "operator": {P.VIEW, P.HOLD, P.OPERATE, P.EXIT, P.RELEASE_HOLD},
    "auditor": {P.VIEW, P.AUDIT},
    "administrator": {P.VIEW, P.ADMINISTER, P.AUDIT},
    "ci": {P.VIEW, P.BUILD},
    "bot": {P.VIEW, P.TRADE},
}
