"""What bots and people want of orders: placing them, asking again, changing, cancelling, getting out."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from apps.common.errors import DomainError
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import AT_VENUE, WORKING, Purpose
from apps.markets import selectors as markets
from apps.risk import services as risk
from apps.risk.models import Exposure
from tests.simulation import sends
from tests.simulation.invariants import Broken
from tests.simulation.sim import Simulation
from tests.simulation.world import POSITION_MAX, Seat

TICK = Decimal("0.01")
TICKETS_MAX = 8
QUANTITIES = (*"11122233", *"4577", *"1122335", "11", "0.5")


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
    # A wish that is repeated finds its order, which was judged by what stood then: exits since are no part of that.
    is_new = order.client_order_id.hex not in sim.seen
    if is_new and made.purpose != "EXIT" and order.state == "INITIALIZED" and between == sim.stage.interrupts:
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
        row = execution.cancel_by_hand(order=order, actor=sim.world.trader, reason="not wanted any more")
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
