"""Venues, accounts, the adapter protocol."""
