"""Kinds, permissions and the states of a consent."""

from django.db.models import TextChoices


class ScopeKind(TextChoices):
    """What a node of the scope tree stands for."""

    FIRM = "firm"
    DESK = "desk"
    BUCKET = "bucket"
    STRATEGY = "strategy"
    BOT = "bot"
    ACCOUNT = "account"
    VENUE = "venue"
    INSTRUMENT = "instrument"


class Permission(TextChoices):
    """What a grant on a scope allows, there and below."""

    VIEW = "view_scope", "see everything below the scope"
    BUILD = "build", "push versions, make releases, request promotions"
    VOTE_TRADER = "vote_trader", "fill the trader's slot of a consent"
    VOTE_RISK = "vote_risk", "fill the risk owner's slot of a consent"
    SET_LIMITS = "set_limits", "lower limits; ask for raises"
    HOLD = "hold", "place holds"
    RELEASE_HOLD = "release_hold", "ask for and vote on the release of holds"
    OPERATE = "operate", "pause, resume, reconcile, acknowledge, resolve"
    TRADE = "trade", "send orders (bots)"
    EXIT = "exit", "reduce or close positions by hand, cancel orders"
    AUDIT = "audit", "read audit records and history"
    ADMINISTER = "administer", "manage people, tokens, roles, desks, signers"


class UserKind(TextChoices):
    """A person can vote; a service account never can."""

    PERSON = "person"
    SERVICE = "service"


class ConsentState(TextChoices):
    """Where a request for consent stands."""

    OPEN = "open"
    GRANTED = "granted"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    VOID = "void"


CONSENT_TRANSITIONS = {
    ConsentState.OPEN: frozenset(
        {
            ConsentState.GRANTED,
            ConsentState.DENIED,
            ConsentState.EXPIRED,
            ConsentState.WITHDRAWN,
            ConsentState.VOID,
        }
    ),
    ConsentState.GRANTED: frozenset({ConsentState.EXPIRED, ConsentState.WITHDRAWN, ConsentState.VOID}),
}

# What an issuer may say about a workload beside its subject, by the names that GitHub and GitLab give them.
WORKLOAD_CLAIMS = (
    "repository_id", "repository", "environment", "ref", "job_workflow_ref",
    "project_id", "project_path", "ref_protected", "ci_config_ref_uri",
)  # fmt: skip
