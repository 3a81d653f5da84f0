"""Verbs of markets, by noun: instruments, datasets, feeds, FX rates, market states, maintenance, official marks."""

from apps.markets.services.datasets import freeze_dataset, upload_dataset
from apps.markets.services.feeds import open_feed, resume_feed, stall_feed, tick_feed, tick_feeds
from apps.markets.services.instruments import add_instrument, see_reference
from apps.markets.services.maintenance import (
    announce_maintenance,
    extend_maintenance,
    request_less_maintenance,
    vote_less_maintenance,
)
from apps.markets.services.mark_files import MARK_FILE_BYTES_MAX, import_marks
from apps.markets.services.market_states import request_market_state, set_market_state, vote_market_state
from apps.markets.services.marks import request_mark, state_mark, vote_mark
from apps.markets.services.rates import CURRENCY, request_fx_rate, set_fx_rate, vote_fx_rate

__all__ = [
    "CURRENCY",
    "MARK_FILE_BYTES_MAX",
    "add_instrument",
    "announce_maintenance",
    "extend_maintenance",
    "freeze_dataset",
    "import_marks",
    "open_feed",
    "request_fx_rate",
    "request_less_maintenance",
    "request_mark",
    "request_market_state",
    "resume_feed",
    "see_reference",
    "set_fx_rate",
    "set_market_state",
    "stall_feed",
    "state_mark",
    "tick_feed",
    "tick_feeds",
    "upload_dataset",
    "vote_fx_rate",
    "vote_less_maintenance",
    "vote_mark",
    "vote_market_state",
]
