"""The product's one matching engine, shared with the SDK: pure, exact, seeded."""

from quarterdeck.acceptance import accept, required_cash
from quarterdeck.holding import Holding, apply_fill, cash_delta
from quarterdeck.simulator import fee_for, match
from quarterdeck.simvalues import MatchResult, SimConfig, SimFill, SimOrder, SimState

__all__ = [
    "Holding",
    "MatchResult",
    "SimConfig",
    "SimFill",
    "SimOrder",
    "SimState",
    "accept",
    "apply_fill",
    "cash_delta",
    "fee_for",
    "match",
    "required_cash",
]
