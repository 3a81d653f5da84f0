"""Orders and cycles: their vocabulary and their transition tables (design §6)."""

from django.db.models import TextChoices


class Side(TextChoices):
    """Buy or sell."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(TextChoices):
    """How an order is priced."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"


class TimeInForce(TextChoices):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Purpose(TextChoices):
    """Why an order exists; decides what may stop it."""

    OPENING = "OPENING"
    PROTECTIVE = "PROTECTIVE"
    EXIT = "EXIT"


class OrderState(TextChoices):
    """DENIED is ours, REJECTED is the venue's, UNKNOWN is no answer."""

    INITIALIZED = "INITIALIZED"
    DENIED = "DENIED"
    SUBMITTING = "SUBMITTING"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


S = OrderState
_FROM_VENUE = {S.ACCEPTED, S.REJECTED, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED}
ORDER_TRANSITIONS = {
    S.INITIALIZED: frozenset({S.DENIED, S.SUBMITTING, S.NOT_SENT, S.CANCELED}),
    S.SUBMITTING: frozenset({S.NOT_SENT, S.UNKNOWN, *_FROM_VENUE}),
    S.UNKNOWN: frozenset({S.NOT_SENT, *_FROM_VENUE}),
    S.ACCEPTED: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.PENDING_CANCEL, S.CANCELED, S.EXPIRED, S.REJECTED}),
    S.PARTIALLY_FILLED: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.PENDING_CANCEL, S.CANCELED, S.EXPIRED}),
    S.PENDING_CANCEL: frozenset({S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED}),
    # A fill may follow any end: the venue's facts win, and reconciliation says what is wrong.
    S.CANCELED: frozenset({S.FILLED}),
    S.EXPIRED: frozenset({S.FILLED}),
    S.REJECTED: frozenset({S.FILLED}),
    # What we had given up and the venue holds open after all is cancelled there.
    S.NOT_SENT: frozenset({S.FILLED, S.PENDING_CANCEL}),
    S.DENIED: frozenset({S.FILLED}),
}
TERMINAL = frozenset({S.DENIED, S.NOT_SENT, S.REJECTED, S.FILLED, S.CANCELED, S.EXPIRED})
AT_VENUE = frozenset({S.SUBMITTING, S.UNKNOWN, S.ACCEPTED, S.PARTIALLY_FILLED, S.PENDING_CANCEL})
WORKING = frozenset({S.INITIALIZED, *AT_VENUE})


class CycleState(TextChoices):
    """One deployment, one slice of events."""

    DUE = "due"
    DONE = "done"
    FAILED = "failed"
    FENCED = "fenced"


CYCLE_TRANSITIONS = {CycleState.DUE: frozenset({CycleState.DONE, CycleState.FAILED, CycleState.FENCED})}
