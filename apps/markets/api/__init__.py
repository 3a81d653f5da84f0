"""REST API of markets."""
