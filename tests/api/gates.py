"""A gate that CI reports, a waiver that waits for its vote, and a baseline, for a side of the world."""

from datetime import timedelta
from typing import Any

from apps.access import services as access
from apps.access.models import User
from apps.access.states import Permission
from apps.common.clocks import wall_now
from apps.releases.models import Baseline, Gate, GateDefinition, GateWaiver, Release
from apps.runtime.models import Backtest


def arrange_gates(release: Release, backtest: Backtest, maker: User) -> dict[str, Any]:
    """The rows by name."""
    definition = GateDefinition.objects.get(kind="unit", version=1)
    gate = Gate.objects.create(release=release, kind="unit", definition=definition)
    baseline = Baseline.objects.create(
        bot=release.bot,
        dataset=backtest.dataset,
        backtest=backtest,
        simulator="4" * 64,
        accepted_by=maker,
        reason="a measure",
    )
    waiver = _waiver(gate, definition, maker)
    return {"gate": gate, "gate_definition": definition, "waiver": waiver, "baseline": baseline}


def _waiver(gate: Gate, definition: GateDefinition, maker: User) -> GateWaiver:
    until = wall_now() + timedelta(hours=1)
    waiver = GateWaiver(gate=gate, definition=definition, evidence_digest="3" * 64, until=until)
    waiver.consent = access.open_consent(
        act="gate.waive",
        target=waiver,
        scope=gate.release.bot.scope,
        digest="5" * 64,
        slots=[Permission.VOTE_RISK],
        excluded=[],
        expires_at=until,
        actor=maker,
        reason="a flaky runner",
    )
    waiver.save(force_insert=True)
    return waiver
