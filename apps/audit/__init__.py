"""Who did what to what, and why: acts, trigger-written history, append-only tables."""
