"""States of runs and breaks."""

from django.db.models import TextChoices


class RunState(TextChoices):
    """A run that could not read the venue is FAILED, never clean."""

    DUE = "due"
    CLEAN = "clean"
    BROKEN = "broken"
    FAILED = "failed"


class BreakKind(TextChoices):
    """What disagrees."""

    MISSING_FILL_HERE = "missing_fill_here", "The venue has a fill that we have not"
    MISSING_FILL_THERE = "missing_fill_there", "We have a fill that the venue has not"
    FILL_DIFFERS = "fill_differs", "Quantity, price or fee of a fill differs"
    UNKNOWN_ORDER = "unknown_order", "The venue has an order that is not ours"
    ORDER_MISSING = "order_missing", "The venue does not know an order of ours"
    ORDER_DIFFERS = "order_differs", "State or filled quantity of an order differs"
    POSITION = "position", "Position differs"
    CASH = "cash", "Cash differs"
    OVERFILL = "overfill", "More was filled than was ordered"
    LATE_FILL = "late_fill", "A fill came after the order had ended"
    BUST = "bust", "The venue took a trade back"
    UNKNOWN_TRADE = "unknown_trade", "A trade of no order of ours"


# What the sync met and both books may agree about: a person closes it, never the next comparison.
NOTED = frozenset({BreakKind.OVERFILL, BreakKind.LATE_FILL, BreakKind.BUST, BreakKind.UNKNOWN_TRADE})


class Severity(TextChoices):
    """How bad a break is."""

    CRITICAL = "critical"
    HIGH = "high"


class BreakState(TextChoices):
    """A break stays until it is resolved."""

    OPEN = "open"
    RESOLVED = "resolved"


RUN_TRANSITIONS = {RunState.DUE: frozenset({RunState.CLEAN, RunState.BROKEN, RunState.FAILED})}
BREAK_TRANSITIONS = {BreakState.OPEN: frozenset({BreakState.RESOLVED})}
