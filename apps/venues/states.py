"""States of the connection to a venue."""

from django.db.models import TextChoices


class CircuitState(TextChoices):
    """CLOSED: calls go out. OPEN: the venue does not answer; only cancels, lookups and probes go out."""

    CLOSED = "closed"
    OPEN = "open"
