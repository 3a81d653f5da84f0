"""Spot accounts at the exchanges that ccxt knows."""
