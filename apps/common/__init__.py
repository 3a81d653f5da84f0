"""Base models, clocks, ids, decimals, errors, API and claim plumbing; no tables."""
