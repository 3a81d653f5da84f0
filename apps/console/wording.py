"""The words and looks of states and codes."""

from typing import Any, NamedTuple

from apps.risk.states import LimitKind


class Look(NamedTuple):
    """A CSS tone and a glyph, so that colour is never the only sign."""

    tone: str
    glyph: str


GOOD, WARN, BAD, INFO, PLAIN = "qd-good", "qd-warn", "qd-bad", "qd-info", ""
LOOKS = {
    Look(GOOD, "▶"): "ACTIVE running",
    Look(WARN, "◣"): "REDUCING",
    Look(BAD, "■"): "HALTED failed FAILED",
    Look(GOOD, "✓"): "passed clean FILLED granted approved applied drained not_needed done acknowledged",
    Look(WARN, "◔"): "pending voting gating starting due PARTIALLY_FILLED PENDING_CANCEL SUBMITTING INITIALIZED",
    Look(WARN, "‖"): "paused stalled",
    Look(WARN, "?"): "UNKNOWN",
    Look(BAD, "✕"): "denied DENIED REJECTED refused broken error critical open_break",
    Look(INFO, "◔"): "ACCEPTED open informational",
    Look(WARN, "▲"): "high",
    Look(PLAIN, "○"): "stopped CANCELED EXPIRED NOT_SENT expired withdrawn void released resolved ended retired",
}
_BY_STATE = {name: look for look, names in LOOKS.items() for name in names.split()}

CODES: dict[str, str] = {
    "vote_trader": "Trader",
    "vote_risk": "Risk owner",
    "release_hold": "Second person",
    "BUILD_MISMATCH": "the order names another build than the one that is deployed",
    "BUYING_POWER_INSUFFICIENT": "the venue says that the account cannot pay for it",
    "DECISION_STALE": "it was decided on bars long past, as after a pause; the next bar decides anew",
    "DEPLOYMENT_NOT_RUNNING": "the deployment is paused or stopped",
    "EPOCH_FENCED": "a newer epoch of the deployment runs; orders of the older one are not sent",
    "EXIT_EXCEEDS_POSITION": "an exit must not be larger than what is held",
    "EXIT_UNCONFIRMED": "the venue did not confirm the position that it would reduce",
    "FX_RATE_STALE": "there is no current rate into the base currency: enter one",
    "HOLD_HALTED": "a hold keeps every bot below it from sending; a person may still close positions",
    "HOLD_REDUCING": "a hold lets bots send exits only",
    "INSTRUMENT_NOT_ENTITLED": "the instrument is outside the bot's declared blast radius",
    "INSTRUMENT_UNKNOWN": "there is no such instrument",
    "LIMIT_MISSING": "a limit that must be set is not: nothing may be sent until a risk owner sets it",
    "MODE_MISMATCH": "deployment and account disagree on paper or live",
    "NOTIONAL_ABOVE_LIMIT": "its value in base currency is above the limit per order",
    "ORDER_EXPIRED": "it came to its time in force",
    "CAPITAL_EXCEEDED": "the position it could lead to is worth more than the approved capital",
    "ORDER_STALE": "it waited too long for a worker; the market it was decided on has moved on",
    "PERMIT_LATE": "its send permit ran out before the call; it never went to the venue",
    "POSITION_ABOVE_LIMIT": "with everything that is working it could exceed the position limit",
    "POSITION_INSUFFICIENT": "the venue holds less than it would sell",
    "PRICE_MISSING": "there is no price to check it against, or it lacks the price that its type needs",
    "PRICE_NOT_POSITIVE": "a price must be above zero",
    "PRICE_OUTSIDE_COLLAR": "its price is further from the reference than the collar allows",
    "PRICE_STALE": "the reference price is too old; a person may exit with a limit price",
    "PRICE_STEP": "its price is not a whole multiple of the instrument's tick",
    "QUANTITY_ABOVE_LIMIT": "its quantity is above the limit per order",
    "QUANTITY_NOT_POSITIVE": "a quantity must be a number above zero",
    "QUANTITY_STEP": "its quantity is not a whole multiple of the instrument's lot",
    "RATE_ABOVE_LIMIT": "the bot sent more orders this minute than its limit allows",
    "REDUCE_ONLY_NO_POSITION": "it may only reduce, and there is nothing to reduce",
    "VENUE_KNOWS_NOTHING": "the venue does not know it: it never arrived",
    "BUYING_POWER_EXCEEDED": "it costs more than the account's buying power",
    "BUYING_POWER_UNKNOWN": "the venue has not said recently what the account can pay for",
    "DAILY_LOSS_REACHED": "a scope above it has lost today what it may lose; only exits go out",
    "DRAWDOWN_REACHED": "a scope above it has fallen from its peak as far as it may; only exits go out",
    "DUPLICATE_ORDER": "the same order was sent a moment ago",
    "EXECUTION_THROTTLED": "the bot repeated one order too often: a named person has to enable it again",
    "FIGURES_UNUSABLE": "its figures are too long to be computed exactly",
    "FLAT_BEFORE_CLOSE": "the market closes soon, and the bot has to be flat by then",
    "GROSS_ABOVE_LIMIT": "with everything that is working, a scope above it would exceed its gross exposure",
    "INSTRUMENT_EXPIRED": "the instrument has expired",
    "INSTRUMENT_HALTED": "trading in the instrument is halted",
    "MESSAGES_ABOVE_LIMIT": "the bot sent more messages this second than its limit allows",
    "NET_ABOVE_LIMIT": "with everything that is working, a scope above it would exceed its net exposure",
    "OPEN_ORDERS_ABOVE_LIMIT": "a scope above it has as many open orders as it may have",
    "ORDER_TYPE_NOT_ENTITLED": "the bot's configuration does not allow this order type",
    "PARENT_QUANTITY_EXCEEDED": "it is larger than what is left of its parent order",
    "PNL_STALE": "profit and loss were not marked recently, so a loss limit cannot be judged",
    "PRICE_OUTSIDE_BAND": "its price is outside the exchange's limit-up and limit-down",
    "REFERENCE_STALE": "the venue has not stated a price recently to check it against",
    "SELF_TRADE": "it could trade with an order of our own",
    "SESSION_CLOSED": "the market is closed",
    "SHORTING_NOT_ENTITLED": "it could sell short, which the bot's configuration does not allow",
    "SIDE_NOT_ENTITLED": "the bot's configuration does not allow this side",
    "TIME_IN_FORCE_NOT_ENTITLED": "the bot's configuration does not allow this time in force",
    "VENUE_CANNOT": "the venue cannot express this order",
    "VENUE_DOWN": "the venue does not answer",
}
LIMITS = dict(LimitKind.choices)


def look_of(state: str) -> Look:
    """How a state looks."""
    return _BY_STATE.get(state, Look(PLAIN, "·"))


def words(value: Any) -> str:
    """A stored name in words; names in capitals stay recognisable."""
    return str(value).replace("_", " ")


def explain(code: str) -> str:
    """What a code means and what to do about it; an unknown one in words."""
    return CODES.get(code) or LIMITS.get(code) or words(code).capitalize()
