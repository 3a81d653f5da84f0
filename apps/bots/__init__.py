"""Strategies, bots, code versions with artifacts and signers, config bundles, parameter sets."""
