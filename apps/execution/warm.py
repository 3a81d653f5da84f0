"""Warm bots: one sandboxed process per deployment and epoch, kept between the cycles of this worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import quarterdeck

from apps.bots import services as bots
from apps.deployments.models import Deployment
from apps.execution.models import Cycle, Position
from apps.execution.states import CycleState
from apps.releases.checks import sdk_instrument
from apps.runtime.host import BotProcess, Slice

SEED = 1
KEPT_MAX = 64


@dataclass(slots=True)
class Warm:
    """A running bot and the cycle that it has consumed last."""

    process: BotProcess
    epoch: int
    sequence: int


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
    last = (
        Cycle.objects.filter(deployment=deployment, state=CycleState.DONE)
        .order_by("-id")
        .values("checkpoint", "epoch")
        .first()
    )
    checkpoint = last["checkpoint"] if last and _same_code(deployment, last["epoch"]) else None
    process = BotProcess(
        bots.launchable(release.code_version),
        parameters=release.parameter_set.content,
        instruments=[sdk_instrument(deployment.instrument)],
        checkpoint=checkpoint,
        seed=SEED,
    )
    process.start()
    adopted = [] if checkpoint is not None else _holdings(deployment, cycle.from_ms)
    return Warm(process, cycle.epoch, cycle.sequence - 1), adopted


def _same_code(deployment: Deployment, epoch: int) -> bool:
    """Whether what ran in `epoch` was the same build as now: another build's state is not ours to read."""
    event = deployment.events.filter(epoch=epoch).order_by("-sequence").first()
    return event is not None and event.build_id == deployment.release.build_id


def _holdings(deployment: Deployment, market_ms: int) -> list[quarterdeck.Fill]:
    """What the bot already holds, told as one fill that no intent of it made."""
    held = Position.objects.filter(
        bot=deployment.bot, account=deployment.account, instrument=deployment.instrument
    ).first()
    if held is None or held.quantity == 0:
        return []
    return [
        quarterdeck.Fill(
            intent_seq=None,
            instrument=deployment.instrument.symbol,
            side=quarterdeck.Side.BUY if held.quantity > 0 else quarterdeck.Side.SELL,
            quantity=abs(held.quantity),
            price=held.average_price,
            fee=Decimal(0),
            market_ms=market_ms,
        )
    ]
