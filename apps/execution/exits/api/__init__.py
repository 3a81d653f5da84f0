"""REST API of exit plans."""
