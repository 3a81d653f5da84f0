"""REST API of people, desks, tokens, consents and the audit trail, and the bases of every endpoint."""
