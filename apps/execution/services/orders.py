"""The gateway: from a wish to a durable order that has passed, or was denied with its codes."""

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import IntegrityError

from apps.access import selectors as access
from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting, actor_text
from apps.common import nudges
from apps.common.clocks import from_ms, wall_now
from apps.common.decimals import text_of
from apps.common.errors import Invalid, Refused
from apps.common.ids import uuid7
from apps.deployments.models import Deployment
from apps.execution.models import Cycle, Order
from apps.execution.services import ledger
from apps.execution.states import WORKING, OrderState, Purpose
from apps.markets import selectors as markets
from apps.markets.models import Instrument
from apps.risk import rules
from apps.risk import selectors as risk_state
from apps.risk import services as risk
from apps.risk.models import Exposure

TERMS = ("side", "quantity", "order_type", "limit_price", "stop_price", "time_in_force", "purpose")
MALFORMED = frozenset({"QUANTITY_NOT_POSITIVE", "PRICE_NOT_POSITIVE"})


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as somebody wants it; exact decimals in the instrument's units.

    `decided_ms` is the market time of the decision (None: now). `confirmed` is the position that
    the venue has just stated with the exits that work there (buys, sells); a person's exit is sized by it instead
    of by our own book, and a resting protective order, which can only reduce, does not stand in its way.
    """

    deployment: Deployment
    instrument: Instrument
    side: str
    quantity: Decimal
    order_type: str
    purpose: str
    time_in_force: str = "GTC"
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    is_reduce_only: bool = False
    client_order_id: uuid.UUID | None = None
    cycle: Cycle | None = None
    intent_sequence: int | None = None
    decided_ms: int | None = None
    by_person: bool = False
    confirmed: tuple[Decimal, Decimal, Decimal] | None = None


def place(*, ticket: Ticket, actor: User | str, reason: str) -> Order:
    """Check, reserve and store an order in one transaction; its sending is due when this commits.

    A denied order is stored as DENIED with every code. The same client_order_id again returns the first
    order; under another order's id it raises Refused CLIENT_ORDER_ID_TAKEN. Raises Invalid for a quantity or
    price that is no number above zero, Refused DEPLOYMENT_NOT_RUNNING.
    """
    known = _known(ticket)
    if known is not None:
        return known
    try:
        with acting(actor, reason):
            return _place(ticket, actor)
    except IntegrityError:
        known = _known(ticket)
        if known is None:
            raise
        return known


def _known(ticket: Ticket) -> Order | None:
    """The order that was placed before under the ticket's client order id, if it is the same order.

    A client order id names one order for good: nobody reads or repeats another under it.
    """
    if ticket.client_order_id is None:
        return None
    known = Order.objects.filter(client_order_id=ticket.client_order_id).first()
    asked = (ticket.deployment.pk, ticket.instrument.pk, *(getattr(ticket, term) for term in TERMS))
    if known is None or asked == (
        known.deployment_id,
        known.instrument_id,
        *(getattr(known, term) for term in TERMS),
    ):
        return known
    raise Refused("CLIENT_ORDER_ID_TAKEN", "this client_order_id belongs to another order; send a new one")


def _place(ticket: Ticket, actor: User | str) -> Order:
    deployment = ticket.deployment
    if deployment.desired != "running" and not ticket.by_person:
        raise Refused("DEPLOYMENT_NOT_RUNNING", f"{deployment} is {deployment.desired}: resume it first")
    exposure = risk.lock_exposure(scope=deployment.bot.scope, instrument=ticket.instrument)
    limits = risk_state.effective_limits(ledger.scope_ids(deployment), deployment.limits)
    limits["capital"] = deployment.capital
    reading = markets.reading(deployment.feed)
    market = _market(ticket, reading)
    denials = rules.check(
        _order_facts(ticket), _instrument_facts(ticket), _exposure_facts(ticket, exposure), limits, market
    )
    for denial in denials:
        if denial.code in MALFORMED:
            raise Invalid(denial.code, "quantity and prices must be above zero", **denial.context)
    if all(denial.code != "RATE_ABOVE_LIMIT" for denial in denials):
        # What the rate refuses is not counted: a bot that keeps knocking cannot use up the reserve of its exits.
        risk.count_order(scope=deployment.bot.scope)
    order = _store(ticket, actor, denials, limits, market, reading)
    if denials:
        ledger.append(order, is_first=True, detail={"denials": [{"code": d.code, **d.context} for d in denials]})
    else:
        risk.reserve(exposure=exposure, side=order.side, quantity=order.quantity)
        ledger.append(order, is_first=True)
        nudges.wake("execution.send_due_orders")
    return order


def cancel(*, order: Order, actor: User | str, reason: str) -> Order:
    """Cancel what is left of an order: never blocked by a hold, unless it guards a position.

    Cancelling a protective order is an increase of risk and is refused while a hold stands
    (PROTECTIVE_GUARDED). An order that has ended is returned as it is.
    """
    with acting(actor, reason):
        row = ledger.locked(order)
        if row.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            _check_guard(row)
            ledger.advance(row, OrderState.PENDING_CANCEL, cancel_requested=True, due_at=wall_now())
        elif row.state == OrderState.INITIALIZED:
            ledger.advance(row, OrderState.CANCELED, cancel_requested=True)
        elif row.state in (OrderState.SUBMITTING, OrderState.UNKNOWN):
            _check_guard(row)
            Order.objects.filter(pk=row.pk).update(cancel_requested=True)
        else:
            return row
        audit.record("order.cancel_asked", row, scope_id=row.bot.scope_id)
        nudges.wake("execution.send_due_orders")
    return row


def _check_guard(row: Order) -> None:
    if row.purpose == Purpose.PROTECTIVE and risk_state.trading_state(ledger.scope_ids(row))[1]:
        raise Refused("PROTECTIVE_GUARDED", "a hold stands: cancelling a protective order would add risk")


def _order_facts(ticket: Ticket) -> rules.OrderFacts:
    return rules.OrderFacts(
        side=ticket.side,
        quantity=ticket.quantity,
        order_type=ticket.order_type,
        purpose=ticket.purpose,
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        is_reduce_only=ticket.is_reduce_only,
        by_person=ticket.by_person,
    )


def _instrument_facts(ticket: Ticket) -> rules.InstrumentFacts:
    instrument = ticket.instrument
    return rules.InstrumentFacts(
        lot_size=instrument.lot_size,
        tick_size=instrument.tick_size,
        multiplier=instrument.multiplier,
        is_entitled=instrument.pk == ticket.deployment.instrument_id,
    )


def _exposure_facts(ticket: Ticket, exposure: Exposure) -> rules.ExposureFacts:
    deployment = ticket.deployment
    account = deployment.account
    state, _ = risk_state.trading_state(ledger.scope_ids(deployment))
    position, buys, sells = exposure.position, exposure.working_buy, exposure.working_sell
    if ticket.confirmed is not None:
        position, buys, sells = ticket.confirmed
    elif ticket.purpose == Purpose.EXIT:
        # A resting protective order can only reduce, so it does not stand in the way of getting out.
        buys, sells = ledger.working_exits(account, ticket.instrument, WORKING)
    return rules.ExposureFacts(
        position=position,
        working_buy=buys,
        working_sell=sells,
        orders_this_minute=risk.orders_this_minute(scope=deployment.bot.scope),
        trading_state=state,
        mode_agrees=deployment.mode == account.mode == account.venue.mode,
    )


def _market(ticket: Ticket, reading: markets.Reading) -> rules.MarketFacts:
    feed, bar = ticket.deployment.feed, reading.bar
    staleness_ms_max = ticket.deployment.release.config_bundle.content["data_contract"]["staleness_ms_max"]
    age_ms = 0 if bar is None or ticket.decided_ms is None else (bar.end_ms - ticket.decided_ms) // feed.speed
    return rules.MarketFacts(
        reference_price=bar.close if bar else None,
        is_fresh=reading.late_ms <= staleness_ms_max,
        base_rate=_rate(ticket.instrument, access.firm().base_currency),
        account_rate=_rate(ticket.instrument, ticket.deployment.account.currency),
        is_decision_fresh=age_ms <= staleness_ms_max,
    )


def _rate(instrument: Instrument, currency: str) -> Decimal | None:
    try:
        return markets.convert_rate(instrument.quote_currency, currency, wall_now())
    except Refused:
        return None


def _store(
    ticket: Ticket,
    actor: User | str,
    denials: list[rules.Denial],
    limits: dict[str, Decimal],
    market: rules.MarketFacts,
    reading: markets.Reading,
) -> Order:
    deployment, accepted = ticket.deployment, not denials
    return Order.objects.create(
        client_order_id=ticket.client_order_id or uuid7(),
        deployment=deployment,
        bot=deployment.bot,
        account=deployment.account,
        instrument=ticket.instrument,
        cycle=ticket.cycle,
        intent_sequence=ticket.intent_sequence,
        epoch=deployment.epoch,
        build_id=deployment.release.build_id,
        trace_id=ticket.cycle.pk if ticket.cycle else uuid7(),
        placed_by=actor_text(actor),
        by_person=ticket.by_person,
        side=ticket.side,
        order_type=ticket.order_type,
        time_in_force=ticket.time_in_force,
        purpose=ticket.purpose,
        # Whatever guards or closes a position may not turn it around, should its size change in between.
        is_reduce_only=ticket.is_reduce_only or ticket.purpose != Purpose.OPENING,
        quantity=ticket.quantity,
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        reference_price=market.reference_price,
        limits_snapshot={kind: text_of(value) for kind, value in limits.items()},
        decided_market_at=reading.market_at if ticket.decided_ms is None else from_ms(ticket.decided_ms),
        state=OrderState.INITIALIZED if accepted else OrderState.DENIED,
        codes=[denial.code for denial in denials],
        reserved_quantity=ticket.quantity if accepted else Decimal(0),
        due_at=wall_now() if accepted else None,
    )


def loaded(deployment_id: Any) -> Deployment:
    """A deployment with everything that placing an order reads, in one query."""
    return Deployment.objects.select_related(
        "bot__scope", "account__scope", "account__venue__scope", "feed__dataset", "feed__instrument",
        "instrument__scope", "release__config_bundle",
    ).get(pk=deployment_id)  # fmt: skip
