"""Verbs of bots, by noun: bots, owners, signers, trust, versions."""

from apps.bots.services.contents import read_text
from apps.bots.services.fleet import make_bot, make_strategy, set_stage
from apps.bots.services.owners import (
    hand_over,
    hand_over_all,
    require_may_hand_over,
    require_may_hand_over_all,
    require_owners,
    watch_owners,
)
from apps.bots.services.signers import revoke, revoke_signer, rotate, trust_builder, trust_signer
from apps.bots.services.trust import verify_code
from apps.bots.services.versions import launchable, push_code, push_config, push_parameters

__all__ = [
    "hand_over",
    "hand_over_all",
    "launchable",
    "make_bot",
    "make_strategy",
    "push_code",
    "push_config",
    "push_parameters",
    "read_text",
    "require_may_hand_over",
    "require_may_hand_over_all",
    "require_owners",
    "revoke",
    "revoke_signer",
    "rotate",
    "set_stage",
    "trust_builder",
    "trust_signer",
    "verify_code",
    "watch_owners",
]
