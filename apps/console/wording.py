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
