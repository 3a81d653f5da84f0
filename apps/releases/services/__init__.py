"""Verbs of releases, by noun: releases, gates, reports, definitions, waivers, baselines."""

from apps.releases.services.baselines import accept_baseline
from apps.releases.services.definitions import set_definition
from apps.releases.services.gates import (
    ATTEMPTS_MAX,
    expire_gates,
    give_up,
    is_open,
    request_gates,
    run_gate,
)
from apps.releases.services.making import DATA_MODEL_VERSION, build_id, make_release
from apps.releases.services.reports import report_gate
from apps.releases.services.waivers import request_waiver, vote_waiver, withdraw_waiver

__all__ = [
    "ATTEMPTS_MAX",
    "DATA_MODEL_VERSION",
    "accept_baseline",
    "build_id",
    "expire_gates",
    "give_up",
    "is_open",
    "make_release",
    "report_gate",
    "request_gates",
    "request_waiver",
    "run_gate",
    "set_definition",
    "vote_waiver",
    "withdraw_waiver",
]
