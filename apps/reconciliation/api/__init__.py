"""REST API of reconciliation."""
