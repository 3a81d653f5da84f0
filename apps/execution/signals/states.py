"""How a source proves who it is, and what became of a message."""

from django.db.models import TextChoices


class SourceMode(TextChoices):
    """The second is weaker: its secret travels in the body, so an allow-list of addresses comes with it."""

    STANDARD_WEBHOOKS = "standard_webhooks"
    BODY_SECRET = "body_secret"


class Outcome(TextChoices):
    """PLACED: accepted for sending; DENIED: stored with its codes; REFUSED: no order; MALFORMED: not understood."""

    PLACED = "PLACED"
    DENIED = "DENIED"
    REFUSED = "REFUSED"
    MALFORMED = "MALFORMED"
