"""Strategy cycles: a slice of events through a bot, its checkpoint committed with its orders."""

import hashlib
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import quarterdeck
import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q

from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit.context import acting, job
from apps.bots.states import Mode
from apps.common import claims, locks, nudges, states
from apps.common.clocks import from_ms, to_ms, wall_now
from apps.common.errors import DomainError
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.deployments.states import Desired, Observed
from apps.execution import warm
from apps.execution.models import Cycle, EquityPoint, Fill, Order, Position
from apps.execution.services import orders
from apps.execution.states import CYCLE_TRANSITIONS, TERMINAL, CycleState, OrderState
from apps.markets import selectors as markets
from apps.runtime import services as runtime
from apps.runtime.host import Slice

log = structlog.get_logger(__name__)
ACTOR = job("cycles")
BARS_PER_CYCLE = 200
ATTEMPTS_MAX = 5
IDLE_S = 1.0
LEFT_S = 2.0  # until a cycle that this worker may not run is offered again
TOLD = {
    OrderState.DENIED: "DENIED",
    OrderState.NOT_SENT: "DENIED",
    OrderState.REJECTED: "REJECTED",
    OrderState.CANCELED: "CANCELED",
    OrderState.EXPIRED: "EXPIRED",
}


@dataclass(frozen=True, slots=True)
class Work:
    """What a cycle consumes: bars, and what happened to the bot's orders since it was last told."""

    bars: list[quarterdeck.Bar]
    fills: list[Fill]
    ended: list[Order]
    deployment_id: uuid.UUID
    build_epoch: int

    @property
    def until_ms(self) -> int:
        """Market time of the last bar."""
        return self.bars[-1].end_ms


def open_missing_cycles() -> int:
    """Give every running deployment without a due cycle its next one; how many were opened."""
    _fence_stale()
    idle = Deployment.objects.filter(desired=Desired.RUNNING).exclude(observed=Observed.FAILED)
    idle = idle.exclude(release__config_bundle__content__contains={"runs": "attached"})
    opened = 0
    for deployment in idle.exclude(cycles__state=CycleState.DUE).select_related("feed__dataset", "release"):
        try:
            opened += _open_cycle(deployment)
        except DomainError as error:  # one bad feed stops no other bot
            log.warning("cycle.not_opened", deployment=str(deployment.pk), code=error.code)
    return opened


def _fence_stale() -> None:
    """End the waiting cycles of older epochs at once: their turn may be an hour away."""
    moved_on = ~Q(epoch=F("deployment__epoch")) | ~Q(deployment__desired=Desired.RUNNING)
    for cycle in Cycle.objects.filter(moved_on, state=CycleState.DUE):
        _fence(cycle)


def _open_cycle(deployment: Deployment) -> int:
    done = Cycle.objects.filter(deployment=deployment, state=CycleState.DONE)
    last = done.order_by("-epoch", "-sequence").first()
    from_ms_ = last.until_ms if last and last.until_ms else to_ms(markets.market_now(deployment.feed))
    try:
        with transaction.atomic():
            Cycle.objects.create(
                deployment=deployment,
                epoch=deployment.epoch,
                sequence=_next_sequence(deployment),
                from_ms=from_ms_,
                told_until=last.told_until if last else _booked_until(deployment),
                due_at=wall_now(),
            )
    except IntegrityError:
        return 0  # another worker opened it
    return 1


def _booked_until(deployment: Deployment) -> int:
    """The last fill that the bot had on this account before this deployment: what it adopts, not news."""
    fills = Fill.objects.filter(bot=deployment.bot_id, account=deployment.account_id)
    return fills.aggregate(last=Max("number"))["last"] or 0


def _next_sequence(deployment: Deployment) -> int:
    return Cycle.objects.filter(deployment=deployment, epoch=deployment.epoch).count() + 1


def run_cycle(cycle: Cycle) -> None:
    """Run a claimed cycle: gather events, ask the bot, commit its checkpoint together with its orders.

    Killed before the commit, nothing happened and the cycle runs again from the last checkpoint. A bot
    that fails stops its deployment and raises an alert; nothing of the slice counts.
    """
    deployment = orders.loaded(cycle.deployment_id)
    if deployment.epoch != cycle.epoch or deployment.desired != Desired.RUNNING:
        _fence(cycle)
        return
    if cycle.attempts > ATTEMPTS_MAX:
        _fail(cycle, deployment, DomainError("CYCLE_KEEPS_DYING", "its worker died again and again"))
        return
    if deployment.mode == Mode.LIVE and not runtime.is_sandbox_proven():
        _leave(cycle, deployment)
        return
    work = _gather(cycle, deployment)
    if not work.bars:
        _wait(cycle, deployment)
        return
    started = time.perf_counter()
    try:
        said = warm.feed(cycle, deployment, _events(work))
        _commit(cycle, deployment, work, said, int((time.perf_counter() - started) * 1000))
    except DomainError as error:
        warm.drop(deployment.pk)
        _fail(cycle, deployment, error)
    except BaseException:
        warm.drop(deployment.pk)
        raise


def _gather(cycle: Cycle, deployment: Deployment) -> Work:
    bars = markets.bars_between(
        deployment.feed, cycle.from_ms, to_ms(markets.market_now(deployment.feed)), limit=BARS_PER_CYCLE
    )
    # By our numbers, not the venue's: a trade that it lists late is news to the bot all the same.
    fills = Fill.objects.filter(bot=deployment.bot, account=deployment.account, number__gt=cycle.told_until)
    build_epoch = deployments.build_epoch(deployment)
    ended = Order.objects.filter(
        deployment=deployment,
        epoch__gte=build_epoch,
        intent_sequence__isnull=False,
        is_reported=False,
        state__in=TERMINAL,
    )
    return Work(
        list(bars),
        list(fills.select_related("order", "instrument").order_by("number")),
        list(ended.select_related("instrument").order_by("id")),
        deployment.pk,
        build_epoch,
    )


def _events(work: Work) -> list[quarterdeck.events.Event]:
    """Per bar: what happened to orders until its end, then the bar."""
    told = [_end_event(order) for order in work.ended]
    waiting: list[quarterdeck.Fill | quarterdeck.OrderUpdate] = [
        *(_fill_event(fill, work) for fill in work.fills),
        *(event for event in told if event is not None),
    ]
    events: list[quarterdeck.events.Event] = []
    for bar in work.bars:
        events += [event for event in waiting if event.market_ms <= bar.end_ms]
        waiting = [event for event in waiting if event.market_ms > bar.end_ms]
        events.append(bar)
    return [*events, *waiting]


def _fill_event(fill: Fill, work: Work) -> quarterdeck.Fill:
    """A fill as the bot is told; the number of an intent means something to the build that made it only."""
    order = fill.order
    is_own = order.deployment_id == work.deployment_id and order.epoch >= work.build_epoch
    return quarterdeck.Fill(
        intent_seq=order.intent_sequence if is_own else None,
        instrument=fill.instrument.symbol,
        side=quarterdeck.Side(fill.side),
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        market_ms=to_ms(fill.market_at),
    )


def _end_event(order: Order) -> quarterdeck.OrderUpdate | None:
    if order.state not in TOLD or order.intent_sequence is None:
        return None
    return quarterdeck.OrderUpdate(
        intent_seq=order.intent_sequence,
        status=quarterdeck.OrderStatus(TOLD[OrderState(order.state)]),
        code=order.codes[0] if order.codes else order.state,
        message=", ".join(order.codes),
        market_ms=to_ms(order.decided_market_at),
    )


def _commit(cycle: Cycle, deployment: Deployment, work: Work, said: Slice, duration_ms: int) -> None:
    with acting(ACTOR, f"cycle {cycle.sequence} of epoch {cycle.epoch}"):
        fresh = locks.row(Deployment.objects.select_related("release__code_version"), deployment.pk, keeps_key=True)
        row = Cycle.objects.select_for_update().get(pk=cycle.pk)
        if fresh.epoch != cycle.epoch or fresh.desired != Desired.RUNNING or not claims.is_ours(cycle, row):
            warm.drop(deployment.pk)
            return
        if warm.artifact_of(deployment.pk) != fresh.release.code_version.artifact_sha256:
            _fence_worker(row, deployment)
            return
        for intent in said.intents:
            orders.place(ticket=_ticket(intent, row, deployment), actor=ACTOR, reason="the bot's intent")
        Order.objects.filter(pk__in=[order.pk for order in work.ended]).update(is_reported=True)
        _finish(row, work, said, duration_ms)
        _mark(deployment, work)
        _open_next(row, deployment)
        nudges.hint(f"bot:{deployment.bot_id}", "fleet")
        if fresh.observed != Observed.RUNNING:
            alerts.clear(dedup_key=_failure_key(deployment), actor=ACTOR, reason="the bot runs again")
            deployments.observe(
                deployment=fresh,
                observed=Observed.RUNNING,
                actor=ACTOR,
                reason="the first cycle was committed",
            )


def _ticket(intent: quarterdeck.Intent, cycle: Cycle, deployment: Deployment) -> orders.Ticket:
    return orders.Ticket(
        deployment=deployment,
        instrument=deployment.instrument,
        side=intent.side.value,
        quantity=intent.quantity,
        order_type=intent.order_type.value,
        purpose=intent.purpose.value,
        time_in_force=intent.time_in_force.value,
        limit_price=intent.limit_price,
        stop_price=intent.stop_price,
        is_reduce_only=intent.reduce_only,
        is_post_only=intent.post_only,
        is_extended_hours=intent.extended_hours,
        client_order_id=client_order_id(deployment.pk, cycle.epoch, cycle.sequence, intent.seq),
        cycle=cycle,
        intent_sequence=intent.seq,
        decided_ms=intent.on_bar_end_ms,
    )


def client_order_id(deployment: uuid.UUID, epoch: int, cycle: int, intent: int) -> uuid.UUID:
    """The 128-bit id of an intent's order: the same intent has the same id, however often it is tried."""
    text = f"{deployment}/{epoch}/{cycle}/{intent}"
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
    # Version 8 (RFC 9562): callers choose among versions 4 and 7, so nobody takes an intent's name beforehand.
    return uuid.UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62)


def _finish(row: Cycle, work: Work, said: Slice, duration_ms: int) -> None:
    states.move(
        row,
        CycleState.DONE,
        CYCLE_TRANSITIONS,
        until_ms=work.until_ms,
        told_until=work.fills[-1].number if work.fills else row.told_until,
        bars=len(work.bars),
        checkpoint=said.checkpoint,
        signals=[_plain(asdict(signal)) for signal in said.signals],
        inputs=[_plain(asdict(item)) for item in said.inputs],
        duration_ms=duration_ms,
        due_at=None,
        lease_until=None,
        lease_owner="",
    )


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int | dict) else str(value) for name, value in fields.items()}


def _mark(deployment: Deployment, work: Work) -> None:
    """Keep the profit and loss at the last bar's close, for the equity curve."""
    held = Position.objects.filter(
        bot=deployment.bot, account=deployment.account, instrument=deployment.instrument
    ).first()
    bar = work.bars[-1]
    quantity = held.quantity if held else 0
    pnl = profit(held, bar.close, deployment.instrument.multiplier) if held else 0
    EquityPoint.objects.bulk_create(
        [
            EquityPoint(
                deployment=deployment,
                market_at=from_ms(bar.end_ms),
                mark_price=bar.close,
                quantity=quantity,
                pnl=pnl,
            )
        ],
        ignore_conflicts=True,
    )


def profit(held: Position, mark_price: Any, multiplier: Any) -> Any:
    """Realised and unrealised profit less fees, in the quote currency."""
    unrealised = (mark_price - held.average_price) * held.quantity * multiplier
    return held.realised_pnl + unrealised - held.fees


def _open_next(row: Cycle, deployment: Deployment) -> None:
    Cycle.objects.create(
        deployment=deployment,
        epoch=row.epoch,
        sequence=row.sequence + 1,
        from_ms=row.until_ms or row.from_ms,
        told_until=row.told_until,
        due_at=_next_due(row, deployment),
    )


def _next_due(row: Cycle, deployment: Deployment) -> datetime:
    """Now while bars wait that this slice left over, else when the next one is complete."""
    is_behind = (row.until_ms or row.from_ms) < to_ms(markets.market_now(deployment.feed))
    return wall_now() if is_behind else markets.next_bar_due(deployment.feed) or wall_now()


def _wait(cycle: Cycle, deployment: Deployment) -> None:
    due = markets.next_bar_due(deployment.feed)
    wait_s = IDLE_S if due is None else max(0.05, (due - wall_now()).total_seconds())
    claims.settle(cycle, due_in_s=min(wait_s, 60.0), attempts=0)


def _leave(cycle: Cycle, deployment: Deployment) -> None:
    """Leave a live cycle to a worker whose sandbox holds, and tell people."""
    claims.settle(cycle, due_in_s=LEFT_S)
    Cycle.objects.filter(pk=cycle.pk).update(attempts=0)
    worker = runtime.worker_name() or claims.worker_name()
    reason = f"the sandbox of {worker} has not passed its probe: it runs no live deployment"
    alerts.raise_alert(
        tier=Tier.CRITICAL,
        code="SANDBOX_UNPROVEN",
        title=f"{deployment.bot} waits: {reason}"[:300],
        scope=deployment.bot.scope,
        target=deployment,
        detail={"worker": worker},
        dedup_key=f"sandbox:{worker}:{deployment.pk}",
        actor=ACTOR,
        reason=reason,
    )


def _failure_key(deployment: Deployment) -> str:
    return f"bot-failed:{deployment.pk}"


def _fence(cycle: Cycle) -> None:
    warm.drop(cycle.deployment_id)
    with acting(ACTOR, "the deployment moved on"):
        row = Cycle.objects.select_for_update().get(pk=cycle.pk)
        if row.state == CycleState.DUE:
            states.move(row, CycleState.FENCED, CYCLE_TRANSITIONS, due_at=None, lease_until=None)


def _fence_worker(row: Cycle, deployment: Deployment) -> None:
    """What this worker runs is not what was approved: nothing of the slice counts, and people are told."""
    warm.drop(deployment.pk)
    worker = runtime.worker_name() or claims.worker_name()
    text = f"BUILD_MISMATCH: {worker} does not run the artifact of {deployment.release}"
    states.move(row, CycleState.FENCED, CYCLE_TRANSITIONS, error=text, due_at=None, lease_until=None)
    alerts.raise_alert(
        tier=Tier.CRITICAL,
        code="WORKER_FENCED",
        title=f"{deployment.bot}: {text}"[:300],
        scope=deployment.bot.scope,
        target=deployment,
        detail={"worker": worker, "cycle": str(row.pk)},
        dedup_key=f"worker-fenced:{worker}:{deployment.pk}",
        actor=ACTOR,
        reason=text,
    )


def _fail(cycle: Cycle, deployment: Deployment, error: DomainError) -> None:
    with acting(ACTOR, error.message):
        Deployment.objects.select_for_update(of=("self",), no_key=True).get(pk=deployment.pk)
        row = Cycle.objects.select_for_update().get(pk=cycle.pk)
        if row.state != CycleState.DUE or not claims.is_ours(cycle, row):
            return
        text = f"{error.code}: {error.message}"
        states.move(row, CycleState.FAILED, CYCLE_TRANSITIONS, error=text, due_at=None, lease_until=None)
        deployments.observe(deployment=deployment, observed=Observed.FAILED, actor=ACTOR, reason=text)
        alerts.raise_alert(
            tier=Tier.CRITICAL,
            code="BOT_FAILED",
            title=f"{deployment.bot} stopped: {text}"[:300],
            scope=deployment.bot.scope,
            target=deployment,
            detail={"code": error.code, "cycle": str(cycle.pk)},
            dedup_key=_failure_key(deployment),
            actor=ACTOR,
            reason=text,
        )
