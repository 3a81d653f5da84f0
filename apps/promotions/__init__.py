"""Promotions: policy, consent, digest, verdict."""
