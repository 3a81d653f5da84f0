"""Verbs of access, by noun: tree, people, consents, tokens, trusts."""

from apps.access.selectors import may
from apps.access.services.consents import (
    expire_consents,
    open_consent,
    use_consent,
    void_consent,
    vote,
    withdraw_consent,
)
from apps.access.services.people import (
    deactivate,
    grant_role,
    make_person,
    make_service_account,
    person_at_terminal,
    require,
    require_at_terminal,
    revoke_role,
)
from apps.access.services.step_up import require_step_up
from apps.access.services.tokens import make_token, revoke_token, rotate_token, token_for
from apps.access.services.tree import lock_firm, make_bucket, make_desk, make_firm, make_scope
from apps.access.services.trusts import make_trust, revoke_trust
from apps.access.services.workloads import exchange, forget_spent

__all__ = [
    "deactivate",
    "exchange",
    "expire_consents",
    "forget_spent",
    "grant_role",
    "lock_firm",
    "make_bucket",
    "make_desk",
    "make_firm",
    "make_person",
    "make_scope",
    "make_service_account",
    "make_token",
    "make_trust",
    "may",
    "open_consent",
    "person_at_terminal",
    "require",
    "require_at_terminal",
    "require_step_up",
    "revoke_role",
    "revoke_token",
    "revoke_trust",
    "rotate_token",
    "token_for",
    "use_consent",
    "void_consent",
    "vote",
    "withdraw_consent",
]
