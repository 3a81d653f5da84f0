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
    Look(
        WARN, "◔"
    ): "pending queued voting gating starting due waiting PARTIALLY_FILLED PENDING_CANCEL PENDING_REPLACE "
    "SUBMITTING INITIALIZED",
    Look(WARN, "‖"): "paused stalled",
    Look(WARN, "?"): "UNKNOWN",
    Look(BAD, "✕"): "denied DENIED REJECTED refused broken error blocked critical open_break",
    Look(INFO, "◔"): "ACCEPTED open informational clearing exiting sweeping",
    Look(WARN, "▲"): "high waived",
    Look(PLAIN, "○"): "stopped CANCELED EXPIRED NOT_SENT expired withdrawn void released resolved ended retired closed "
    "cancelled",
}
_BY_STATE = {name: look for look, names in LOOKS.items() for name in names.split()}

CODES: dict[str, str] = {
    "vote_trader": "Trader",
    "vote_risk": "Risk owner",
    "release_hold": "Second person",
    "ADVISORIES_UNREACHABLE": "the index of known vulnerabilities did not answer: nothing was scanned",
    "BASELINE_BELOW_FLOORS": "the run does not hold the floors that every run must hold",
    "BASELINE_BY_BUILDER": "whoever built it does not say what later builds are measured by",
    "BASELINE_NO_RUN": "only a backtest that has run can be a baseline",
    "BASELINE_OLD_SIMULATOR": "the simulator has changed since the run: let it run again",
    "FEED_UNKNOWN": "the configuration names a feed that is not there",
    "FIGURE_MISSING": "what was measured lacks a figure that a threshold bounds: missing data never passes",
    "GATE_DEFINITION_MISSING": "nothing says what the gate is measured against",
    "GATE_FIGURES": "the report’s figures do not fit the schema of the gate’s kind",
    "GATE_KIND_UNKNOWN": "there is no such kind of gate",
    "GATE_NOTHING_TO_WAIVE": "only a gate that did not pass can be waived",
    "GATE_NOT_OPEN": "a gate has not passed, or its pass is over",
    "GATE_NOT_WAIVABLE": "it states a fact about the build that nobody agrees away",
    "GATE_OTHER_REPORTER": "the gate’s definition names somebody else who reports it",
    "GATE_REPORTER": "this kind of gate cannot be reported this way",
    "GATE_THRESHOLDS": "the thresholds do not fit the schema of the gate’s kind",
    "GATE_VALIDITY": "a pass is good for an hour at least and 90 days at most",
    "LOCKFILE_MISSING": "the build holds no lockfile",
    "LOCKFILE_UNPINNED": "a line of the lockfile pins no version",
    "PAPER_WINDOW_EMPTY": "the release has not traded on paper in the window",
    "REPORT_BY_PERSON": "only a service account reports what was measured",
    "SCANNER_MISSING": "the scanner is not installed where the gates worker runs",
    "WAIVER_HOURS": "a waiver holds for a week at most",
    "WAIVER_OPEN": "a waiver of the gate waits for its vote already",
    "BUILD_MISMATCH": "the order names another build than the one that is deployed",
    "BUYING_POWER_INSUFFICIENT": "the venue says that the account cannot pay for it",
    "DECISION_STALE": "it was decided on bars long past, as after a pause; the next bar decides anew",
    "DEPLOYMENT_NOT_RUNNING": "the deployment is paused or stopped",
    "EPOCH_FENCED": "a newer epoch of the deployment runs; orders of the older one are not sent",
    "EXIT_EXCEEDS_POSITION": "an exit must not be larger than what is held",
    "EXIT_GROWS_NET": "it would leave the account or its bucket further from flat: a person or an exit plan closes it",
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
    "EXTENDED_HOURS_NEED_LIMIT_DAY": "in extended hours only limit orders for the day trade",
    "EXTENDED_HOURS_NOT_ENTITLED": "the bot's configuration does not allow extended hours",
    "EXTENDED_HOURS_UNKNOWN": "the instrument is not known to trade in extended hours",
    "FIGURES_UNUSABLE": "its figures are too long to be computed exactly",
    "FLAT_BEFORE_CLOSE": "the market closes soon, and the bot has to be flat by then",
    "FLAT_BEFORE_MAINTENANCE": "the venue announced maintenance that starts soon, and the bot has to be flat by then",
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
    "VENUE_IN_MAINTENANCE": "the venue is in announced maintenance; nothing is opened there until it ends",
    "ACCOUNT_UNKNOWN": "the venue does not know the account",
    "CLIENT_ORDER_ID_TAKEN": "another order has this client order id already",
    "CURSOR_UNKNOWN": "the venue does not know the place in its books from which we read on",
    "ENDPOINT_FORBIDDEN": "the address is not one that this venue may be called at; nothing was sent",
    "EXCHANGE_UNKNOWN": "there is no such exchange in the client library",
    "KEYS_EXPOSED": "the key file can be read by others; nothing was sent until its mode is 0600",
    "KEYS_MALFORMED": "the key file is not what a key file is",
    "KEYS_MISSING": "there is no key file for this account",
    "NOT_SUPPORTED": "the venue has no such call",
    "NO_PRICE": "the venue states no price for it",
    "ORDER_ARRIVED_LATE": "the venue has an order that we had given up; it is cancelled there",
    "ORDER_ENDED": "the order has ended at the venue",
    "ORDER_MALFORMED": "the venue says that the order is malformed",
    "ORDER_NEEDS_PERSON": "only the venue’s desk can say what became of it: somebody has to call",
    "ORDER_NOT_FOUND": "the venue does not know the order",
    "ORDER_NOT_IN_DOUBT": "what became of the order is known: nobody needs to ask",
    "ORDER_NOT_OPEN": "the order does not work at the venue any more",
    "ORDER_OPEN_AFTER_ALL": "the venue lists an order as open that people had settled as ended",
    "ORDER_PARTLY_FILLED": "the venue does not change an order that was filled in part",
    "ORDER_QUANTITY_FILLED": "as much as the new quantity is filled already",
    "ORDER_QUANTITY_INVALID": "the venue does not take this quantity",
    "ORDER_TRIGGERED": "the stop has been triggered, so its terms are fixed",
    "ORDER_TYPE_UNKNOWN": "the venue does not know this order type",
    "ORDER_UNKNOWN": "the venue does not know the order",
    "PAPER_UNSUPPORTED": "the exchange has no paper mode",
    "PARENT_INCOMPLETE": "a slice names its parent and the parent’s whole quantity, or neither",
    "PARENT_QUANTITY_CHANGED": "an earlier slice named another quantity for the same parent",
    "PROTECTIVE_GUARDED": "a hold stands: cancelling a protective order would add risk",
    "REJECTED_ON_COMMAND": "the paper venue rejects on command: a drill asked for it",
    "SENDER_MAY_NOT_TRADE": "the source’s service account may not trade for this bot",
    "SESSION_OVER": "the bot’s session has ended; it has to open a new one",
    "SESSION_REQUIRED": "a bot that runs elsewhere needs an open session to send",
    "SETTLED_BY_PERSON": "a person stated what the venue’s desk said, and a second one agreed",
    "SETTLEMENT_NOT_OPEN": "nothing about this order waits for a vote",
    "SETTLEMENT_OPEN": "what was said about this order waits for a vote already",
    "SIGNAL_INACTIVE": "the source is not active",
    "SIGNAL_MAPPING": "the body gives no order",
    "SIGNAL_RATE": "the source’s messages per minute are used up",
    "SIGNAL_REPLAYED": "its id was used for another message",
    "SIGNAL_SCHEMA": "the body does not fit the source’s schema",
    "SIGNAL_SIGNATURE": "it is not signed by a key of the source",
    "SIGNAL_STALE": "its time is too far from ours",
    "SIMULATION_INVALID": "the paper venue’s simulation settings are not usable",
    "STATE_CONFLICT": "it has moved on meanwhile: look again",
    "SYMBOL_UNKNOWN": "the venue does not trade this instrument",
    "TRADE_BUSTED": "the venue took the trade back already",
    "TRADE_UNKNOWN": "the venue does not know the trade",
    "VENUE_BUSY": "the venue’s calls per minute are used up; nothing was sent, it is tried again",
    "VENUE_NO_ANSWER": "the venue did not answer, so it is not known whether it arrived",
    "MAINTENANCE_LOOSENS": "some of an announced window would be left out: a second person has to agree",
    "MAINTENANCE_OVER": "the window is over or cancelled",
    "VENUE_OUTAGE": "the venue has not answered for a while; nothing is opened there until it does",
    "VENUE_SAYS_OPEN": "the venue itself says that the order is open: that it has ended cannot be stated",
    "VENUE_SYMBOLS": "the venue’s names of instruments cannot be told apart",
    "VENUE_TIMEOUT": "the venue did not answer in time, so it is not known whether it arrived",
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
