"""Desired and observed state, epochs, the immutable log."""
