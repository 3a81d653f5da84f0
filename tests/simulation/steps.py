"""What happens in a run, one act a step: bots, people, workers, the market and the clock."""

from collections.abc import Callable, Mapping
from typing import Any

from apps.access import services as access
from apps.deployments import services as deployments
from apps.execution import services as execution
from apps.execution import tasks as execution_tasks
from apps.reconciliation import services as reconciliation
from apps.reconciliation import tasks as reconciliation_tasks
from apps.risk import services as risk
from apps.risk.models import Exposure, Hold
from apps.risk.services.holds import release_digest
from apps.risk.states import HoldState
from apps.venues.paper import corrections
from apps.venues.paper.models import PaperTrade
from tests.simulation import wishes
from tests.simulation.invariants import Broken
from tests.simulation.sim import Simulation

# How long a worker may stand still between two transactions: permits live 0.5 s, leases 15 s.
STALLS_S = (0.1, 0.6, 0.6, 2.0, 16.0)
SWEEPS: dict[str, Callable[[], Any]] = {
    "execution.send_due_orders": execution_tasks.send_due_orders,
    "execution.sync_due_accounts": execution_tasks.sync_due_accounts,
    "execution.drain_holds": execution_tasks.drain_holds,
    "execution.refresh_references": execution_tasks.refresh_references,
    "execution.mark_books": execution_tasks.mark_books,
    "reconciliation.run_due": reconciliation_tasks.run_due,
}
# The beat runs the busiest of them more often than once a round.
BEATS = (*SWEEPS, "execution.send_due_orders", "execution.send_due_orders", "execution.sync_due_accounts")


def bust(sim: Simulation) -> str | None:
    """The venue takes a trade back."""
    trades = list(PaperTrade.objects.filter(kind="trade").order_by("account__name", "sequence"))
    if not trades or sim.choices.random() >= sim.bust_rate:
        return None
    trade = sim.choices.choice(trades[-3:])
    with sim.stage.unwatched():
        corrections.bust(account_name=trade.account.name, trade_id=trade.trade_id)
    sim.line.faults["bust"] += 1
    return f"{sim.name_of(trade.order.client_order_id)} {trade.quantity}"


def hold(sim: Simulation) -> str:
    """A person stops a scope; the higher, the rarer."""
    scope = sim.choices.choice(sim.world.scopes)
    level = sim.choice_of(("HALTED", "HALTED", "REDUCING"))
    cancels = "all" if level == "HALTED" and sim.choices.random() < 0.1 else "opening"
    made = risk.place_hold(scope=scope, level=level, cancels=cancels, actor=sim.world.trader, reason="stop")
    return f"{level} on {scope.kind} {made.epoch} {cancels}"


def _hold(sim: Simulation) -> Hold | None:
    found = list(Hold.objects.filter(state=HoldState.ACTIVE).select_related("scope", "consent"))
    found.sort(key=lambda row: (row.scope.path, row.epoch))
    return sim.choices.choice(found) if found else None


def loosen(sim: Simulation) -> str | None:
    """One person lets exits pass again."""
    row = _hold(sim)
    if row is None:
        return None
    loosened = risk.request_release(hold=row, to_level="REDUCING", actor=sim.world.owners[0], reason="exits may go")
    return f"{loosened.level} {loosened.epoch}"


def release(sim: Simulation) -> str | None:
    """Two people lift a hold, or one of them does not come to it."""
    row = _hold(sim)
    if row is None:
        return None
    row = ask_release(sim, row)
    if sim.choices.random() < 0.1:
        return "asked"
    by: dict[str, Any] = {"actor": sim.world.owners[1], "reason": "I agree"}
    done = risk.vote_release(hold=row, approve=True, digest=release_digest(row), **by)
    return f"{done.state} {done.scope.kind} {done.epoch}"


def ask_release(sim: Simulation, row: Hold) -> Hold:
    """The first person asks, anew when what was asked for is not what stands now."""
    by: dict[str, Any] = {"actor": sim.world.owners[0], "reason": "it is safe"}
    consent = row.consent
    if consent is not None and consent.state == "open":
        if consent.digest == release_digest(row) and consent.expires_at > sim.clock():
            return row
        access.void_consent(consent=consent, **by)
    return risk.request_release(hold=row, **by)


def market(sim: Simulation) -> str:
    """Some seconds with the platform alive: bars come in and the venue matches."""
    seconds = sim.choices.randint(1, 3)
    pass_time(sim, float(seconds))
    sim.world.upkeep(seconds)
    return f"{seconds} s"


def wait(sim: Simulation) -> str:
    """Time without anybody at work: leases and permits run out, feeds grow stale."""
    seconds = sim.choice_of((0.1, 0.4, 0.6, 2.0, 6.0, 16.0))
    pass_time(sim, seconds)
    return f"{seconds} s"


def pass_time(sim: Simulation, seconds: float) -> None:
    """Time passes, and what was under way arrives."""
    sim.clock.pass_time(seconds)
    sim.line.deliver()


def set_clock(sim: Simulation) -> str:
    """The wall clock is set wrong, or right again."""
    seconds = sim.choice_of((-3600.0, -60.0, -1.0, 0.4, 5.0, 60.0, 3600.0, -sim.clock.error_s))
    sim.clock.set_wrong(seconds)
    return f"{seconds} s"


def nudge(sim: Simulation) -> str | None:
    """The queue delivers one of its nudges, not always the oldest."""
    if not sim.queue:
        return None
    return sweep(sim, sim.queue.pop(sim.choices.randrange(len(sim.queue))))


def beat(sim: Simulation) -> str:
    """The beat runs one of the sweeps."""
    return sweep(sim, sim.choice_of(BEATS))


def sweep(sim: Simulation, task: str) -> str:
    """A worker runs a task of the product."""
    if task in SWEEPS:
        SWEEPS[task]()
    return task


def outage(sim: Simulation) -> str:
    """The venue goes away, or comes back."""
    sim.line.is_out = not sim.line.is_out and sim.line.rate > 0
    return "out" if sim.line.is_out else "back"


def operate(sim: Simulation) -> str:
    """A person pauses or resumes a bot, or rolls it to its other release."""
    seat = sim.choices.choice(sim.world.seats)
    deployment = seat.deployment()
    by: dict[str, Any] = {"actor": sim.world.trader, "reason": "operations"}
    if deployment.desired == "paused":
        done = deployments.resume(deployment=deployment, **by)
    elif sim.choices.random() < 0.5:
        done = deployments.pause(deployment=deployment, **by)
    else:
        other = [one for one in seat.promotions if one.release_id != deployment.release_id]
        done = deployments.start(promotion=other[0], **by)
    return f"{seat.number} {done.desired} {done.epoch}"


def rebuild(sim: Simulation) -> str:
    """Exposure is computed anew; it must say what it said before."""
    between = sim.stage.interrupts
    for row in Exposure.objects.order_by("scope__path", "instrument__symbol"):
        anew = execution.rebuild_exposure(exposure=row)
        fields = ("position", "working_buy", "working_sell")
        before, after = ([getattr(one, name) for name in fields] for one in (row, anew))
        if before != after and between == sim.stage.interrupts:
            raise Broken(f"REBUILD_DISAGREES: {before} became {after}")
    return "agrees"


def reconcile(sim: Simulation) -> str:
    """Somebody asks for a comparison of both books."""
    account = sim.choices.choice(sim.world.accounts)
    return reconciliation.request_run(account=account, trigger="manual", actor=sim.world.trader, reason="look").state


Act = Callable[[Simulation], Any]
ACTS: dict[str, tuple[int, Act]] = {
    "open": (20, wishes.place_opening),
    "protect": (9, wishes.place_protective),
    "exit": (5, wishes.place_exit),
    "retry": (4, wishes.retry),
    "close": (3, wishes.close),
    "cancel": (8, wishes.cancel),
    "disarm": (1, wishes.disarm),
    "replace": (6, wishes.replace_order),
    "bust": (1, bust),
    "hold": (2, hold),
    "loosen": (2, loosen),
    "release": (9, release),
    "market": (18, market),
    "wait": (3, wait),
    "clock": (1, set_clock),
    "nudge": (18, nudge),
    "beat": (18, beat),
    "outage": (1, outage),
    "operate": (3, operate),
    "rebuild": (2, rebuild),
    "reconcile": (1, reconcile),
}
WEIGHTS: Mapping[str, int] = {name: weight for name, (weight, _) in ACTS.items()}
# What somebody else may do in the middle of another's step: no time passes for the one who waits.
BETWEEN = (
    *(
        "open",
        "open",
        "exit",
        "retry",
        "close",
        "cancel",
        "replace",
        "hold",
        "loosen",
        "release",
        "release",
        "release",
        "protect",
    ),
    *("nudge", "nudge", "beat", "beat", "operate", "market", "clock"),
)


def step(sim: Simulation, weights: Mapping[str, int]) -> None:
    """One act of anybody."""
    name = sim.choices.choices(tuple(weights), tuple(weights.values()))[0]
    sim.act(name, lambda: ACTS[name][1](sim))
    pass_time(sim, sim.choice_of((0.0, 0.01, 0.05)))


def interrupt(sim: Simulation) -> None:
    """Somebody else's act, in the middle of one."""
    name = sim.choice_of(BETWEEN)
    sim.act(name, lambda: ACTS[name][1](sim))
