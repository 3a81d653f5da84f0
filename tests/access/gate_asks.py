"""What the matrix asks of gates: by REST, and by the forms on a release's page."""

from collections.abc import Callable
from typing import Any

from apps.access.states import Permission as P
from tests.api.world import Side


def release(side: Side) -> dict[str, Any]:
    """The side's release."""
    return {"release_id": side.release.pk}


def gate(side: Side) -> dict[str, Any]:
    """A gate of it."""
    return release(side) | {"gate_id": side.gate.pk}


def waiver(side: Side) -> dict[str, Any]:
    """A waiver of the gate that waits for its vote."""
    return release(side) | {"waiver_id": side.waiver.pk}


READABLE = {"gate": "gate", "gate-waiver": "waiver", "baseline": "baseline"}
API_ACTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "gate-report": ("gate", (P.BUILD,)),
    "gate-waive": ("gate", (P.BUILD, P.VOTE_RISK)),
    "gate-waiver-votes": ("waiver", (P.VOTE_RISK,)),
    "gate-waiver-withdraw": ("waiver", (P.BUILD, P.VOTE_RISK)),
}
ACTS: dict[str, tuple[tuple[str, ...], Callable[[Side], dict[str, Any]]]] = {
    "gate_waive": ((P.BUILD, P.VOTE_RISK), gate),
    "gate_waiver_vote": ((P.VOTE_RISK,), waiver),
    "gate_waiver_withdraw": ((P.BUILD, P.VOTE_RISK), waiver),
    "baseline_accept": ((P.VOTE_TRADER, P.VOTE_RISK), gate),
    "release_gates": ((P.BUILD,), release),
    "release_promote": ((P.BUILD,), release),
}
