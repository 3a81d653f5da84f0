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


class Remainder(TextChoices):
    """What happens to the rest of an order once a part of it has filled."""

    WORK = "WORK", "It goes on working"
    CANCEL = "CANCEL", "It is cancelled"


class FillKind(TextChoices):
    """What an execution report means; a bust undoes a trade by its opposite."""

    TRADE = "TRADE"
    BUST = "BUST"


class SessionState(TextChoices):
    """A bot that runs elsewhere leases a session; without one it cannot send."""

    OPEN = "open"
    CLOSED = "closed"
    EXPIRED = "expired"


class AnomalyKind(TextChoices):
    """A fact of the venue's that our orders did not expect."""

    OVERFILL = "overfill", "More was filled than was ordered"
    LATE_FILL = "late_fill", "A fill came after the order had ended"
    BUST = "bust", "The venue took a trade back"
    UNKNOWN_TRADE = "unknown_trade", "A trade of no order of ours"


class SettleOutcome(TextChoices):
    """What the venue's desk says of an order that only a person can ask about."""

    ACCEPTED = "accepted", "It works at the venue"
    CANCELED = "canceled", "It was cancelled there"
    EXPIRED = "expired", "It expired there"
    REJECTED = "rejected", "The venue rejected it"
    NOT_SENT = "not_sent", "It never arrived"


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
    PENDING_REPLACE = "PENDING_REPLACE"
    PENDING_CANCEL = "PENDING_CANCEL"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


S = OrderState
_FROM_VENUE = {S.ACCEPTED, S.REJECTED, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED}
_AFTER_ALL = {S.ACCEPTED, S.PARTIALLY_FILLED, S.PENDING_CANCEL}
ORDER_TRANSITIONS = {
    # Filled though we never sent it: our books are older than the venue's, and its facts win.
    S.INITIALIZED: frozenset({S.DENIED, S.SUBMITTING, S.NOT_SENT, S.CANCELED, S.PARTIALLY_FILLED, S.FILLED}),
    S.SUBMITTING: frozenset({S.NOT_SENT, S.UNKNOWN, *_FROM_VENUE}),
    S.UNKNOWN: frozenset({S.NOT_SENT, *_FROM_VENUE}),
    S.ACCEPTED: frozenset(
        {S.PARTIALLY_FILLED, S.FILLED, S.PENDING_REPLACE, S.PENDING_CANCEL, S.CANCELED, S.EXPIRED, S.REJECTED}
    ),
    S.PARTIALLY_FILLED: frozenset(
        {S.PARTIALLY_FILLED, S.FILLED, S.PENDING_REPLACE, S.PENDING_CANCEL, S.CANCELED, S.EXPIRED}
    ),
    S.PENDING_REPLACE: frozenset(
        {S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED, S.PENDING_CANCEL, S.CANCELED, S.EXPIRED, S.REJECTED}
    ),
    S.PENDING_CANCEL: frozenset({S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED}),
    # The venue may take a fill back; what the order had left is not working any more.
    S.FILLED: frozenset({S.CANCELED}),
    # A fill may follow any end: the venue's facts win, and reconciliation says what is wrong. What people had settled
    # and the venue lists as open works again.
    S.CANCELED: frozenset({S.FILLED, *_AFTER_ALL}),
    S.EXPIRED: frozenset({S.FILLED, *_AFTER_ALL}),
    S.REJECTED: frozenset({S.FILLED, *_AFTER_ALL}),
    # What we had given up and the venue holds open after all is cancelled there.
    S.NOT_SENT: frozenset({S.FILLED, S.PENDING_CANCEL}),
    S.DENIED: frozenset({S.FILLED}),
}
TERMINAL = frozenset({S.DENIED, S.NOT_SENT, S.REJECTED, S.FILLED, S.CANCELED, S.EXPIRED})
RESTING = frozenset({S.ACCEPTED, S.PARTIALLY_FILLED, S.PENDING_REPLACE})
AT_VENUE = frozenset({S.SUBMITTING, S.UNKNOWN, *RESTING, S.PENDING_CANCEL})
WORKING = frozenset({S.INITIALIZED, *AT_VENUE})


class CycleState(TextChoices):
    """One deployment, one slice of events."""

    DUE = "due"
    DONE = "done"
    FAILED = "failed"
    FENCED = "fenced"


SESSION_TRANSITIONS = {SessionState.OPEN: frozenset({SessionState.CLOSED, SessionState.EXPIRED})}
CYCLE_TRANSITIONS = {CycleState.DUE: frozenset({CycleState.DONE, CycleState.FAILED, CycleState.FENCED})}
