"""Verbs of bots, by noun: bots, signers, versions."""

from apps.bots.services.fleet import hand_over, make_bot, make_strategy, set_stage
from apps.bots.services.signers import revoke_signer, trust_signer
from apps.bots.services.versions import launchable, push_code, push_config, push_parameters

__all__ = [
    "hand_over",
    "launchable",
    "make_bot",
    "make_strategy",
    "push_code",
    "push_config",
    "push_parameters",
    "revoke_signer",
    "set_stage",
    "trust_signer",
]
