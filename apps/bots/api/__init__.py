"""REST API of bots."""
