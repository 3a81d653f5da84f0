"""People, service accounts, roles, the scope tree, consent, tokens, idempotency."""
