"""REST API of releases."""
