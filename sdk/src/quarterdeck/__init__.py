"""Quarterdeck SDK: write a bot, run it locally, build and sign it."""

from quarterdeck.events import (
    Bar,
    Fill,
    Inputs,
    Instrument,
    Intent,
    OrderStatus,
    OrderType,
    OrderUpdate,
    Purpose,
    Side,
    Signal,
    TimeInForce,
)
from quarterdeck.strategy import Context, Strategy

__version__ = "0.1.0"
__all__ = [
    "Bar",
    "Context",
    "Fill",
    "Inputs",
    "Instrument",
    "Intent",
    "OrderStatus",
    "OrderType",
    "OrderUpdate",
    "Purpose",
    "Side",
    "Signal",
    "Strategy",
    "TimeInForce",
]
