"""Verbs of markets, by noun: instruments, feeds, FX rates, market states."""

from apps.markets.services.feeds import open_feed, resume_feed, stall_feed, tick_feed, tick_feeds
from apps.markets.services.instruments import add_instrument, freeze_dataset, see_reference
from apps.markets.services.market_states import request_market_state, set_market_state, vote_market_state
from apps.markets.services.rates import CURRENCY, request_fx_rate, set_fx_rate, vote_fx_rate

__all__ = [
    "CURRENCY",
    "add_instrument",
    "freeze_dataset",
    "open_feed",
    "request_fx_rate",
    "request_market_state",
    "resume_feed",
    "see_reference",
    "set_fx_rate",
    "set_market_state",
    "stall_feed",
    "tick_feed",
    "tick_feeds",
    "vote_fx_rate",
    "vote_market_state",
]
