"""Runs a verified build in a sandbox; the simulator; backtests; statistics."""
