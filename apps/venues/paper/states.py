"""What can be asked of the paper venue, and the ways in which it can be told to fail."""

from django.db.models import TextChoices


class Call(TextChoices):
    """A call of the adapter; ANY stands for all of them in a fault."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    REPLACE = "replace"
    CANCEL_ALL = "cancel_all"
    LOOKUP = "lookup"
    OPEN_ORDERS = "open_orders"
    ORDERS = "orders"
    TRADES = "trades"
    POSITIONS = "positions"
    BALANCES = "balances"
    QUOTE = "quote"
    PING = "ping"
    ANY = "any"


class FaultKind(TextChoices):
    """How a call goes wrong."""

    DROP_REQUEST = "drop_request", "the request never arrives"
    DROP_REPLY = "drop_reply", "the venue acts, its answer is lost"
    DELAY = "delay", "the request takes its time; past the timeout it arrives when nobody waits any more"
    DUPLICATE = "duplicate", "the request arrives twice, or a list names everything twice"
    REORDER = "reorder", "a list comes newest first"
    FILL_AFTER_CANCEL = "fill_after_cancel", "the venue says cancelled, and then the rest trades"
    REJECT = "reject", "the venue says no"
    OUTAGE = "outage", "nothing answers"
    BUST = "bust", "the venue undoes its last trade of the account before it lists them"


TRADING = frozenset({Call.SUBMIT, Call.CANCEL, Call.REPLACE})
LISTS = frozenset({Call.OPEN_ORDERS, Call.ORDERS, Call.TRADES})
# Kinds that make sense for some calls only; ANY is not among them, so that they are always named.
CALLS_OF_KIND = {
    FaultKind.DUPLICATE: TRADING | LISTS,
    FaultKind.REORDER: LISTS,
    FaultKind.FILL_AFTER_CANCEL: frozenset({Call.CANCEL}),
    FaultKind.BUST: frozenset({Call.TRADES}),
}
DEFAULT_CALLS: dict[str, Call] = {
    FaultKind.DUPLICATE: Call.SUBMIT,
    FaultKind.REORDER: Call.TRADES,
    FaultKind.FILL_AFTER_CANCEL: Call.CANCEL,
    FaultKind.BUST: Call.TRADES,
}


class TradeKind(TextChoices):
    """An execution, or the undoing of one."""

    TRADE = "trade"
    BUST = "bust"
