"""Warm bots: one sandboxed process per deployment and epoch, kept between the cycles of this worker."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import quarterdeck

from apps.bots import artifacts
from apps.bots import services as bots
from apps.common import claims
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution.models import Cycle, Fill
from apps.execution.states import CycleState
from apps.markets import selectors as markets
from apps.runtime.host import BotProcess, Slice
from apps.runtime.simulator import Holding, apply_fill

SEED = 1
KEPT_MAX = 64
SPARE_S = 5.0
# The unpacked files are read again when they were last read this long ago.
MEASURED_S = 2.0


@dataclass(slots=True)
class Unpacked:
    """The build that a bot was started from, as it was verified then."""

    folder: Path
    artifact_sha256: str
    tree_sha256: str = ""
    measured_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.tree_sha256 = artifacts.tree_digest(self.folder)

    def is_intact(self) -> bool:
        """Whether the files are still those of the artifact, as of at most MEASURED_S ago."""
        if time.monotonic() - self.measured_at > MEASURED_S:
            if artifacts.tree_digest(self.folder) != self.tree_sha256:
                return False
            self.measured_at = time.monotonic()
        return True


@dataclass(slots=True)
class Warm:
    """A running bot, what it runs, and the cycle that it has consumed last."""

    process: BotProcess
    epoch: int
    sequence: int
    unpacked: Unpacked


_warm: dict[UUID, Warm] = {}


def feed(cycle: Cycle, deployment: Deployment, events: Sequence[quarterdeck.events.Event]) -> Slice:
    """Run `events` through the deployment's bot, warm when this worker ran the cycle before, else fresh.

    Raises runtime.host.BotError and bots' ArtifactRefused; the process is then gone.
    """
    known = _warm.get(deployment.pk)
    if known is None or (known.epoch, known.sequence + 1) != (cycle.epoch, cycle.sequence):
        drop(deployment.pk)
        known, adopted = _start(cycle, deployment)
        events = [*adopted, *events]
        _make_room()
        _warm[deployment.pk] = known
    said = known.process.feed(events)
    known.sequence = cycle.sequence
    return said


def artifact_of(deployment_id: UUID) -> str:
    """The digest of the artifact that the deployment's bot runs in this worker; "" when its files were changed."""
    known = _warm.get(deployment_id)
    return known.unpacked.artifact_sha256 if known is not None and known.unpacked.is_intact() else ""


def drop(deployment_id: UUID) -> None:
    """End the deployment's bot in this worker, if it runs here."""
    known = _warm.pop(deployment_id, None)
    if known is not None:
        known.process.close()


def _make_room() -> None:
    while len(_warm) >= KEPT_MAX:
        drop(next(iter(_warm)))


def _start(cycle: Cycle, deployment: Deployment) -> tuple[Warm, list[quarterdeck.Fill]]:
    """A fresh process: from the last checkpoint of the same code, else empty-handed but told what it holds."""
    release = deployment.release
    done = Cycle.objects.filter(
        deployment=deployment, state=CycleState.DONE, epoch__gte=deployments.build_epoch(deployment)
    )
    checkpoint = done.order_by("-epoch", "-sequence").values_list("checkpoint", flat=True).first()
    folder = bots.launchable(release.code_version)
    unpacked = Unpacked(folder, release.code_version.artifact_sha256)
    process = BotProcess(
        folder,
        parameters=release.parameter_set.content,
        instruments=[markets.sdk_instrument(deployment.instrument)],
        checkpoint=checkpoint,
        seed=SEED,
    )
    # A start may take longer than a lease; the slice that follows must fit into what is left.
    limits = process.limits
    claims.extend(cycle, lease_s=limits.start_seconds_max + SPARE_S)
    process.start()
    claims.extend(cycle, lease_s=limits.slice_seconds_max + SPARE_S)
    adopted = [] if checkpoint is not None else _holdings(deployment, cycle)
    return Warm(process, cycle.epoch, cycle.sequence - 1, unpacked), adopted


def _holdings(deployment: Deployment, cycle: Cycle) -> list[quarterdeck.Fill]:
    """What the bot held before the cycle's own fills, told as one fill that no intent of it made."""
    held = Holding()
    fills = Fill.objects.filter(
        bot=deployment.bot,
        account=deployment.account,
        instrument=deployment.instrument,
        number__lte=cycle.told_until,
    )
    for fill in fills.order_by("number").iterator():
        multiplier = deployment.instrument.multiplier
        held = apply_fill(held, quarterdeck.Side(fill.side), fill.quantity, fill.price, fill.fee, multiplier)
    if held.quantity == 0:
        return []
    return [
        quarterdeck.Fill(
            intent_seq=None,
            instrument=deployment.instrument.symbol,
            side=quarterdeck.Side.BUY if held.quantity > 0 else quarterdeck.Side.SELL,
            quantity=abs(held.quantity),
            price=held.average_price,
            fee=Decimal(0),
            market_ms=cycle.from_ms,
        )
    ]
