"""REST API of runtime."""
