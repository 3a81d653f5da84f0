"""Commands of exit plans."""
