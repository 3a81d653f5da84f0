"""REST API of execution."""
