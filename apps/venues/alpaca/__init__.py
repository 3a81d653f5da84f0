"""Alpaca: US stocks and crypto through alpaca-py."""
