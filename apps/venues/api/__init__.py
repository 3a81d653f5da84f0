"""REST API of venues."""
