"""REST API of inbound signals."""
