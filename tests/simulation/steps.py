"""What happens in a run, one act a step: bots, people, workers, the market and the clock."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from apps.access import services as access
from apps.common.errors import DomainError
from apps.deployments import services as deployments
from apps.execution import services as execution
from apps.execution import tasks as execution_tasks
from apps.execution.models import Order
from apps.execution.states import AT_VENUE, WORKING, Purpose
from apps.markets import selectors as markets
from apps.reconciliation import services as reconciliation
from apps.reconciliation import tasks as reconciliation_tasks
from apps.risk import services as risk
from apps.risk.models import Exposure, Hold
from apps.risk.services.holds import release_digest
from apps.risk.states import HoldState
from apps.venues.paper import corrections
from apps.venues.paper.models import PaperTrade
from tests.simulation import sends
from tests.simulation.invariants import Broken
from tests.simulation.sim import Simulation
from tests.simulation.world import POSITION_MAX, Seat

TICK = Decimal("0.01")
TICKETS_MAX = 8
QUANTITIES = (*"11122233", *"4577", *"1122335", "11", "0.5")
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


def price_of(seat: Seat) -> Decimal:
    """The last close of what the bot trades."""
    bar = markets.last_bar(seat.feed)
    return bar.close if bar else Decimal(100)


def near(sim: Simulation, price: Decimal, bps_max: int) -> Decimal:
    """A price on the grid, up to so many basis points away on either side."""
    away = Decimal(sim.choices.randint(-bps_max, bps_max)) / 10_000
    return (price * (1 + away)).quantize(TICK)


def ticket(sim: Simulation, seat: Seat, **terms: Any) -> execution.Ticket:
    """A wish of a bot, with an id of the caller's own half of the time."""
    chosen = sim.ids.client_order_id() if sim.choices.random() < 0.5 else None
    made = execution.Ticket(deployment=seat.deployment(), instrument=seat.instrument, client_order_id=chosen, **terms)
    if chosen:
        sim.tickets = [*sim.tickets[1 - TICKETS_MAX :], (seat, made)]
    return made


def priced(sim: Simulation, seat: Seat, kinds: tuple[str, ...], bps_max: int) -> dict[str, Any]:
    """An order type with the prices it needs."""
    kind, price = sim.choice_of(kinds), price_of(seat)
    terms: dict[str, Any] = {"order_type": kind}
    if kind in ("LIMIT", "STOP_LIMIT"):
        terms["limit_price"] = near(sim, price, bps_max)
    if kind in ("STOP", "STOP_LIMIT"):
        terms["stop_price"] = near(sim, price, bps_max)
    return terms


def place(sim: Simulation, made: execution.Ticket) -> str:
    """Place it; what became of it."""
    between = sim.stage.interrupts
    order = execution.place(ticket=made, actor="service:bot", reason="a bot's wish")
    if made.purpose != "EXIT" and order.state == "INITIALIZED" and between == sim.stage.interrupts:
        with sim.stage.unwatched():
            sends.check_accepted(order.pk, order.side, POSITION_MAX)
    return f"{sim.name_of(order.client_order_id.hex)} {made.purpose} {made.side} {made.quantity} {order.state}"


def place_opening(sim: Simulation) -> str:
    """A bot opens: usually a plain order, now and then one that no rule may let pass."""
    seat = sim.choices.choice(sim.world.seats)
    terms = priced(sim, seat, ("MARKET", "MARKET", "LIMIT", "LIMIT", "STOP", "STOP_LIMIT"), 300)
    if terms["order_type"] in ("MARKET", "LIMIT"):
        terms["time_in_force"] = sim.choice_of(("GTC", "GTC", "GTC", "DAY", "IOC", "FOK"))
    quantity = Decimal(sim.choice_of(QUANTITIES))
    side = sim.choice_of(("BUY", "BUY", "SELL"))
    return place(sim, ticket(sim, seat, side=side, quantity=quantity, purpose="OPENING", **terms))


def held(seat: Seat) -> Decimal:
    """What we believe that the bot holds."""
    row = Exposure.objects.filter(scope=seat.bot.scope_id, instrument=seat.instrument).first()
    return row.position if row else Decimal(0)


def _reducing(sim: Simulation) -> tuple[Seat, dict[str, Any]] | None:
    """A bot that holds something, if any does, and an order against it that is sometimes too large."""
    positions = [(seat, held(seat)) for seat in sim.world.seats]
    seats = [one for one in positions if one[1]] or (positions if sim.choices.random() < 0.05 else [])
    if not seats:
        return None
    seat, position = sim.choices.choice(seats)
    most = max(int(abs(position)), 1) + (sim.choices.random() < 0.1)
    side = "SELL" if position > 0 else "BUY"
    return seat, {"side": side, "quantity": Decimal(sim.choices.randint(1, most))}


def place_protective(sim: Simulation) -> str:
    """A bot guards its position; one that has none opens one."""
    found = _reducing(sim)
    if found is None:
        return place_opening(sim)
    seat, terms = found
    terms |= priced(sim, seat, ("STOP", "STOP", "STOP_LIMIT", "LIMIT"), 200)
    return place(sim, ticket(sim, seat, purpose="PROTECTIVE", is_reduce_only=True, **terms))


def place_exit(sim: Simulation) -> str:
    """A bot gets out; one that has nothing opens."""
    found = _reducing(sim)
    if found is None:
        return place_opening(sim)
    seat, terms = found
    terms |= priced(sim, seat, ("MARKET", "MARKET", "LIMIT", "STOP"), 100)
    return place(sim, ticket(sim, seat, purpose="EXIT", **terms))


def retry(sim: Simulation) -> str | None:
    """A caller that got no answer sends the same wish again."""
    if not sim.tickets:
        return None
    seat, made = sim.choices.choice(sim.tickets)
    return "again " + place(sim, replace(made, deployment=seat.deployment()))


def close(sim: Simulation) -> str:
    """A person takes a position out of a bot's hands, or tries to."""
    seat, terms = _reducing(sim) or (sim.choices.choice(sim.world.seats), {"quantity": None})
    limit = near(sim, price_of(seat), 200) if sim.choices.random() < 0.3 else None
    quantity = sim.choice_of((None, None, terms["quantity"]))
    order = execution.close_position(
        deployment=seat.deployment(), actor=sim.world.trader, reason="get out", quantity=quantity, limit_price=limit
    )
    return f"{sim.name_of(order.client_order_id.hex)} {order.side} {order.quantity} {order.state}"


def _working(
    sim: Simulation, states: Iterable[str] = WORKING, purposes: Iterable[str] = Purpose.values
) -> Order | None:
    rows = Order.objects.filter(state__in=states, purpose__in=purposes)
    found = list(rows.select_related("bot__scope", "instrument"))
    found.sort(key=lambda order: int(sim.name_of(order.client_order_id.hex)[1:]))
    return sim.choices.choice(found) if found else None


def cancel(sim: Simulation) -> str | None:
    """A bot or a person cancels an order; one that guards a position stays while a hold stands."""
    purposes = sim.choice_of((("PROTECTIVE",), ("OPENING", "EXIT", "PROTECTIVE"), ("OPENING", "EXIT", "PROTECTIVE")))
    order = _working(sim, purposes=purposes) or _working(sim)
    return None if order is None else cancel_order(sim, order)


def disarm(sim: Simulation) -> str | None:
    """A person stops a bot and then wants to cancel what guards its position."""
    order = _working(sim, ("ACCEPTED", "PARTIALLY_FILLED"), ("PROTECTIVE",))
    if order is None:
        return None
    risk.place_hold(scope=order.bot.scope, level="REDUCING", actor=sim.world.trader, reason="stop")
    return cancel_order(sim, order)


def cancel_order(sim: Simulation, order: Order) -> str:
    """Cancel this one; one that guards a position must not go while a hold stands."""
    guarded = order.purpose == "PROTECTIVE" and order.state in AT_VENUE and not order.cancel_requested
    with sim.stage.unwatched():
        covered = guarded and sends.is_covered(order.pk)
    between = sim.stage.interrupts
    was_asked = order.pk in sim.excuses.asked
    sim.excuses.asked.add(order.pk)
    try:
        row = execution.cancel(order=order, actor=sim.world.trader, reason="not wanted any more")
    except DomainError:
        if not was_asked:
            sim.excuses.asked.discard(order.pk)
        raise
    if covered and between == sim.stage.interrupts and row.state in WORKING and row.cancel_requested:
        raise Broken(f"PROTECTIVE_UNGUARDED: {sim.name_of(order.client_order_id.hex)} was cancelled under a hold")
    return f"{sim.name_of(order.client_order_id.hex)} {row.state}"


def replace_order(sim: Simulation) -> str | None:
    """A bot asks for new terms of an order that rests."""
    order = _working(sim, ("ACCEPTED", "PARTIALLY_FILLED"))
    if order is None:
        return None
    price = order.limit_price or order.stop_price
    terms: dict[str, Any] = {"quantity": order.quantity + sim.choices.randint(-1, 2)}
    if price is not None and sim.choices.random() < 0.7:
        name = "stop_price" if order.limit_price is None else "limit_price"
        terms = {name: near(sim, price, 50)} | (terms if sim.choices.random() < 0.3 else {})
    if terms.get("quantity") == 0:
        return None
    done = execution.replace(order=order, actor="service:bot", reason="another price", **terms)
    asked = f"{done.replace_quantity} {done.replace_limit_price or ''} {done.replace_stop_price or ''}"
    return f"{sim.name_of(order.client_order_id.hex)} {done.state} {asked}"


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
    by = {"actor": sim.world.owners[1], "reason": "I agree"}
    done = risk.vote_release(hold=row, approve=True, digest=release_digest(row), **by)
    return f"{done.state} {done.scope.kind} {done.epoch}"


def ask_release(sim: Simulation, row: Hold) -> Hold:
    """The first person asks, anew when what was asked for is not what stands now."""
    by = {"actor": sim.world.owners[0], "reason": "it is safe"}
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
    deployment, by = seat.deployment(), {"actor": sim.world.trader, "reason": "operations"}
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
    "open": (20, place_opening),
    "protect": (9, place_protective),
    "exit": (5, place_exit),
    "retry": (4, retry),
    "close": (3, close),
    "cancel": (8, cancel),
    "disarm": (1, disarm),
    "replace": (6, replace_order),
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
