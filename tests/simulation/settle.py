"""After the last fault: everything due gets done, and then both books say the same (the repairable profile)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from apps.execution import services as execution
from apps.execution.models import Fill, Order
from apps.execution.states import TERMINAL, WORKING
from apps.reconciliation import services as reconciliation
from apps.reconciliation.models import Break, ReconciliationRun
from apps.reconciliation.states import NOTED
from apps.risk import services as risk
from apps.risk.models import Exposure, Hold
from apps.risk.services.holds import release_digest
from apps.risk.states import DrainState, HoldState
from apps.venues.paper.models import PaperOrder, PaperTrade
from tests.simulation import steps
from tests.simulation.invariants import Broken
from tests.simulation.sim import Simulation

WAITS_S = (1.0, 1.0, 2.0, *(4.0,) * 10, *(15.0,) * 9)
# The longest lease, and a little.
LEASE_S = 130.0
RECONCILE_TRIES = 4
ENDING = ("execution.send_due_orders", "execution.sync_due_accounts", "execution.drain_holds")
IN_DOUBT = frozenset(WORKING) - {"ACCEPTED", "PARTIALLY_FILLED"}


def settle(sim: Simulation) -> None:
    """Let the product come to rest without a fault; raises Broken when it does not, or when the books differ."""
    sim.repair()
    sim.note("no faults from here on")
    release_all(sim)
    run_until_quiet(sim, lambda: not in_doubt())
    cancel_all(sim)
    run_until_quiet(sim, lambda: not open_orders() and not draining())
    compare(sim)


def run_until_quiet(sim: Simulation, is_quiet: Callable[[], bool]) -> None:
    """Let time pass and the sweeps run until nothing is left to do. Raises Broken NEVER_QUIET."""
    for attempt in range(2):
        for wait_s in WAITS_S:
            steps.pass_time(sim, wait_s)
            sim.act("market", lambda: sim.world.upkeep(1))
            for task in ENDING:
                sim.act("beat", partial(steps.sweep, sim, task))
            sim.look()
            if not sim.line.under_way and is_booked() and is_quiet():
                return
        if attempt == 0 and sim.clock.steps:
            # A clock that was set back delays what is due until it has caught up with itself.
            sim.note("the clock catches up")
            sim.line.faults["caught_up"] += 1
            steps.pass_time(sim, sim.clock.behind_s() + LEASE_S)
    left = [f"{sim.name_of(order.client_order_id.hex)} {order.state}" for order in open_orders()]
    raise Broken(f"NEVER_QUIET: {left}, {[str(hold.drain_state) for hold in draining()]}")


def is_booked() -> bool:
    """Whether every trade of the venue is in our books."""
    return Fill.objects.count() == PaperTrade.objects.count()


def in_doubt() -> list[Order]:
    """Orders that somebody must do something about."""
    return list(Order.objects.filter(state__in=IN_DOUBT))


def open_orders() -> list[Order]:
    """Orders that have not ended."""
    return list(Order.objects.exclude(state__in=TERMINAL))


def draining() -> list[Hold]:
    """Holds that stand and are not drained."""
    return list(Hold.objects.filter(drain_state=DrainState.PENDING, state=HoldState.ACTIVE))


def release_all(sim: Simulation) -> None:
    """Two people lift every hold."""
    for row in Hold.objects.filter(state=HoldState.ACTIVE).select_related("scope", "consent"):
        asked = steps.ask_release(sim, row)
        by: dict[str, Any] = {"actor": sim.world.owners[1], "reason": "all is well"}
        risk.vote_release(hold=asked, approve=True, digest=release_digest(asked), **by)


def cancel_all(sim: Simulation) -> None:
    """A person cancels whatever is left."""
    for order in open_orders():
        sim.excuses.asked.add(order.pk)
        execution.cancel(order=order, actor=sim.world.trader, reason="the run ends")


def compare(sim: Simulation) -> None:
    """Both books, order by order, trade by trade."""
    theirs = {order.client_order_id: order for order in PaperOrder.objects.all()}
    for order in Order.objects.all():
        other = theirs.pop(order.client_order_id.hex, None)
        name = sim.name_of(order.client_order_id.hex)
        if other is None and (order.filled_quantity or order.state in ("FILLED", "CANCELED", "EXPIRED", "REJECTED")):
            _check_never_sent(order, name)
        if other is not None and other.state == "open":
            raise Broken(f"LEFT_OPEN: {name} is {order.state} here and open there")
        if other is not None and other.filled_quantity != order.filled_quantity:
            raise Broken(f"FILLS_DIFFER: {name} {order.filled_quantity} here, {other.filled_quantity} there")
        if order.reserved_quantity:
            raise Broken(f"STILL_RESERVED: {name} {order.state} {order.reserved_quantity}")
    if theirs:
        raise Broken(f"UNKNOWN_TO_US: {list(theirs)}")
    booked, traded = (set(table.objects.values_list("trade_id", flat=True)) for table in (Fill, PaperTrade))
    if booked != traded:
        raise Broken(f"TRADES_DIFFER: {len(traded - booked)} not booked, {len(booked - traded)} never traded")
    if Exposure.objects.exclude(working_buy=0, working_sell=0).exists():
        raise Broken("STILL_WORKING: exposure counts orders that have ended")
    reconcile(sim)


def _check_never_sent(order: Order, name: str) -> None:
    if order.state != "CANCELED" or order.filled_quantity or order.send_before is not None:
        raise Broken(f"NEVER_ARRIVED: {name} is {order.state} here and unknown there")


def reconcile(sim: Simulation) -> None:
    """The product's own comparison finds nothing, once the venue answers and dead workers' leases are over."""
    by: dict[str, Any] = {"actor": sim.world.trader, "reason": "the end"}
    for account in sim.world.accounts:
        for _ in range(RECONCILE_TRIES):
            run = reconciliation.request_run(account=account, trigger="manual", **by)
            reconciliation.run_due()
            run.refresh_from_db()
            if run.state in ("clean", "broken"):
                break
            steps.pass_time(sim, sim.clock.behind_s() + LEASE_S)
        # What the venue did after the fact is a break that a person closes; nothing else may differ.
        if run.state not in ("clean", "broken") or breaks(run):
            raise Broken(f"NOT_RECONCILED: {account} {run.state} {run.message} {breaks(run)}")


def breaks(run: ReconciliationRun) -> list[str]:
    """What a run found."""
    found = Break.objects.filter(account=run.account, state="open").exclude(kind__in=NOTED)
    return [f"{one.kind} {one.key}: {one.ours} / {one.theirs}" for one in found]
