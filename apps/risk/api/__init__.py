"""REST API of risk."""
