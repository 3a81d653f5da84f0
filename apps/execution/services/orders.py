"""The gateway: from a wish to a durable order that has passed, or was denied with its codes."""

import uuid
from dataclasses import asdict, dataclass
from dataclasses import replace as with_terms
from decimal import Decimal
from typing import Any

from django.db import IntegrityError

from apps.access.models import Scope, User
from apps.audit import services as audit
from apps.audit.context import acting, actor_text
from apps.audit.models import Record
from apps.common import nudges
from apps.common.clocks import from_ms, wall_now
from apps.common.decimals import text_of
from apps.common.errors import DomainError, Forbidden, Invalid, Refused, TooMany
from apps.common.ids import uuid7
from apps.deployments import selectors as deployments
from apps.deployments.models import Deployment
from apps.execution import selectors, terms
from apps.execution import standing as stands
from apps.execution.models import Order
from apps.execution.services import hedged, judging, ledger, permits
from apps.execution.services.tickets import TERMS, Ticket
from apps.execution.states import WORKING, OrderState, Purpose, SessionState
from apps.risk import rules
from apps.risk import selectors as risk_state
from apps.risk import services as risk
from apps.risk.models import Exposure, Hold
from apps.risk.states import CancelChoice

MALFORMED = frozenset({"QUANTITY_NOT_POSITIVE", "PRICE_NOT_POSITIVE"})
RATED = frozenset({"RATE_ABOVE_LIMIT", "MESSAGES_ABOVE_LIMIT"})
# What less of a resting order has to pass: it is an order still, and within the pace of the bot's messages.
OF_LESS = RATED | {"QUANTITY_STEP"}
# Orders of a bot that are kept as denied in a minute once its rate is above its limit.
DENIED_KEPT = 100
CANCELLABLE = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.PENDING_REPLACE)
CANCEL_ASKED = "order.cancel_asked"
ZERO = Decimal(0)


def place(*, ticket: Ticket, actor: User | str, reason: str) -> Order:
    """Check, reserve and store an order in one transaction; its sending is due when this commits.

    A denied order is stored as DENIED with every code. The same client_order_id again returns the first
    order; under another order's id it raises Refused CLIENT_ORDER_ID_TAKEN. Raises Invalid for a quantity or
    price that is no number above zero, PARENT_INCOMPLETE; Refused DEPLOYMENT_NOT_RUNNING, SESSION_REQUIRED;
    TooMany RATE_ABOVE_LIMIT when so many were denied in this minute that no more of them are kept.
    """
    known = _known(ticket)
    if known is not None:
        return known
    try:
        with acting(actor, reason):
            order = _place(ticket, actor)
            hedged.report(order)
            return order
    except IntegrityError:
        known = _known(ticket)
        if known is None:
            raise
        return known


def preview(*, ticket: Ticket) -> judging.Judgement:
    """What `place` would say of a ticket now: every check, nothing stored, nothing counted, nothing reserved.

    Raises as `place` does.
    """
    _check_terms(ticket)
    _check_running(ticket)
    scope = ticket.deployment.bot.scope
    known = Exposure.objects.filter(scope=scope, instrument=ticket.instrument).first()
    exposure = known or Exposure(scope=scope, instrument=ticket.instrument)
    judged = judging.judge(ticket, exposure, risk_state.rates(scope))
    _refuse_malformed(judged.denials)
    return judged


def _known(ticket: Ticket) -> Order | None:
    """The order that was placed before under the ticket's client order id, if it is the same order.

    A client order id names one order for good: nobody reads or repeats another under it.
    """
    if ticket.client_order_id is None:
        return None
    if not stands.is_known(ticket.client_order_id):
        return None
    known = Order.objects.filter(client_order_id=ticket.client_order_id).first()
    if known is None or _is_same(known, ticket):
        return known
    raise Refused("CLIENT_ORDER_ID_TAKEN", "this client_order_id belongs to another order; send a new one")


def _is_same(known: Order, ticket: Ticket) -> bool:
    """Whether the ticket asks for that order; one whose terms were replaced since is known by where it trades."""
    if (known.deployment_id, known.instrument_id) != (ticket.deployment.pk, ticket.instrument.pk):
        return False
    if all(getattr(known, term) == getattr(ticket, term) for term in TERMS):
        return True
    return known.events.filter(state=OrderState.PENDING_REPLACE).exists()


def _place(ticket: Ticket, actor: User | str) -> Order:
    _check_terms(ticket)
    _check_running(ticket)
    scope = ticket.deployment.bot.scope
    exposure = risk.lock_exposure(scope=scope, instrument=ticket.instrument)
    judged = judging.judge(ticket, exposure, risk.rates(scope=scope))
    _refuse_malformed(judged.denials)
    if RATED.isdisjoint(judged.codes):
        # What the rate refuses is not counted: a bot that keeps knocking cannot use up the reserve of its exits.
        risk.count_order(scope=scope)
    else:
        _check_flood(ticket, actor)
    order = _store(ticket, actor, judged)
    if judged.denials:
        ledger.append(order, is_first=True, detail=_detail(judged.denials))
        _throttle(scope, judged.denials)
        return order
    ledger.append(order, is_first=True)
    _reserve(order, ticket, judged)
    if order.state == OrderState.INITIALIZED:
        nudges.wake("execution.send_due_orders")
    return order


def _reserve(order: Order, ticket: Ticket, judged: judging.Judgement) -> None:
    """Count the order in; one that has put a shared book over a limit is denied before anybody saw it."""
    if any(scope.daily_loss is None for scope in judged.scopes.values()):
        risk.open_books(judged.scopes, mode=order.account.mode)
    sums = ledger.count_in(order)
    denials = judging.overdrawn(ticket, judged, sums)
    if denials:
        codes = list(dict.fromkeys(denial.code for denial in denials))
        ledger.advance(order, OrderState.DENIED, detail=_detail(denials), codes=codes)


def _check_terms(ticket: Ticket) -> None:
    if (ticket.parent_id is None) != (ticket.parent_quantity is None):
        raise Invalid("PARENT_INCOMPLETE", "a slice names its parent and the parent's whole quantity")
    if ticket.parent_quantity is not None and not (ticket.parent_quantity.is_finite() and ticket.parent_quantity > 0):
        raise Invalid("QUANTITY_NOT_POSITIVE", "the parent's quantity must be above zero", field="parent_quantity")


def _check_running(ticket: Ticket) -> None:
    deployment, session = ticket.deployment, ticket.session
    if ticket.by_person or ticket.by_plan:
        return
    if deployment.desired != "running":
        raise Refused("DEPLOYMENT_NOT_RUNNING", f"{deployment} is {deployment.desired}: resume it first")
    if ticket.by_signal or not is_attached(deployment):
        return
    if session is None or session.deployment_id != deployment.pk or session.state != SessionState.OPEN:
        raise Refused("SESSION_REQUIRED", "this bot runs elsewhere: open a session and send its id with each order")
    if session.due_at is None or session.due_at <= wall_now():
        raise Refused("SESSION_REQUIRED", "the session's heartbeat is late: open a new one")
    if session.epoch != deployment.epoch:
        raise Refused("EPOCH_FENCED", "the deployment has moved on: open a new session with its present build")


def is_attached(deployment: Deployment) -> bool:
    """Whether the bot runs elsewhere, by its approved bundle."""
    return bool(deployment.release.config_bundle.content.get("runs") == "attached")


def _check_flood(ticket: Ticket, actor: User | str) -> None:
    """A program that keeps knocking may not fill the disk: what its rate refuses is kept up to a number a minute.

    Signals have a rate of their own, and what the platform itself sends is few.
    """
    if ticket.by_signal or not (isinstance(actor, User) and actor.is_service):
        return
    since = stands.first_id(wall_now().replace(second=0, microsecond=0))
    denied = Order.objects.filter(bot=ticket.deployment.bot_id, id__gte=since, state=OrderState.DENIED)
    if denied[:DENIED_KEPT].count() == DENIED_KEPT:
        raise TooMany("RATE_ABOVE_LIMIT", "far too many orders: nothing more is taken from this bot in this minute")


def _refuse_malformed(denials: list[rules.Denial]) -> None:
    for denial in denials:
        if denial.code in MALFORMED:
            raise Invalid(denial.code, "quantity and prices must be above zero", **denial.context)


def _throttle(scope: Scope, denials: list[rules.Denial]) -> None:
    for denial in denials:
        if denial.code == "EXECUTION_THROTTLED" and "repeats" in denial.context:
            risk.throttle(scope=scope, repeats=denial.context["repeats"])


def _detail(denials: list[rules.Denial]) -> dict[str, Any]:
    return {"denials": [{"code": denial.code, **denial.context} for denial in denials]}


@dataclass(frozen=True, slots=True)
class Swept:
    """What a cancel of many came to: orders that are being cancelled, and those refused with their codes."""

    asked: list[Order]
    refused: list[tuple[Order, str]]


def cancel_all(*, scope: Scope, purposes: list[str], actor: User | str, reason: str) -> Swept:
    """Cancel every working order of these purposes below `scope`; one that is refused stops no other."""
    swept = Swept([], [])
    working = Order.objects.filter(selectors.below(scope), purpose__in=purposes, state__in=WORKING)
    for order in working.select_related("bot__scope", "instrument").order_by("id"):
        try:
            swept.asked.append(cancel(order=order, actor=actor, reason=reason))
        except DomainError as error:
            swept.refused.append((order, error.code))
    return swept


def cancel(*, order: Order, actor: User | str, reason: str, hold: Hold | None = None) -> Order:
    """Cancel what is left of an order: never blocked by a hold, unless it guards a position.

    Cancelling a protective order is an increase of risk and is refused while a hold stands
    (PROTECTIVE_GUARDED), unless `hold`, which is being drained, takes all orders. Where the venue was asked
    already a person, or a drain once, has it asked again now; nobody else hurries it. An order that has ended
    is returned as it is.
    """
    with acting(actor, reason):
        row = ledger.locked(order)
        _check_owner(row, actor)
        if row.state in CANCELLABLE:
            _check_guard(row, hold)
            ledger.advance(row, OrderState.PENDING_CANCEL, cancel_requested=True, due_at=wall_now())
        elif row.state == OrderState.INITIALIZED:
            ledger.advance(row, OrderState.CANCELED, cancel_requested=True)
        elif row.state in (OrderState.SUBMITTING, OrderState.UNKNOWN):
            _check_guard(row, hold)
            Order.objects.filter(pk=row.pk).update(cancel_requested=True)
        elif row.state == OrderState.PENDING_CANCEL and _may_hurry(row, actor, hold):
            _check_guard(row, hold)
            Order.objects.filter(pk=row.pk).update(due_at=wall_now())
        else:
            return row
        after = None if hold is None else {"hold": str(hold.pk)}
        audit.record(CANCEL_ASKED, row, scope_id=row.bot.scope_id, after=after)
        nudges.wake("execution.send_due_orders")
    return row


def _may_hurry(row: Order, actor: User | str, hold: Hold | None) -> bool:
    """Whether a cancel that waits for its next try is sent now: each time for a person, once for each drain."""
    is_person = isinstance(actor, User) and not actor.is_service
    return is_person if hold is None else not has_asked(row, hold)


def has_asked(order: Order, hold: Hold) -> bool:
    """Whether the drain of `hold` has asked for the order's cancel."""
    acts = Record.objects.filter(object_kind=order._meta.label_lower, object_id=order.pk, act=CANCEL_ASKED)
    return acts.filter(after__hold=str(hold.pk)).exists()


def _check_owner(row: Order, actor: User | str) -> None:
    """A machine takes no person's order back and changes none."""
    if row.by_person and isinstance(actor, User) and actor.is_service:
        raise Forbidden("ORDER_OF_A_PERSON", "a person placed this order: a person cancels or replaces it")


def _check_guard(row: Order, hold: Hold | None) -> None:
    if hold is not None and hold.cancels == CancelChoice.ALL:
        return
    if row.purpose == Purpose.PROTECTIVE and risk_state.trading_state(ledger.scope_ids(row))[1]:
        raise Refused("PROTECTIVE_GUARDED", "a hold stands: cancelling a protective order would add risk")


def replace(
    *,
    order: Order,
    actor: User | str,
    reason: str,
    quantity: Decimal | None = None,
    limit_price: Decimal | None = None,
    stop_price: Decimal | None = None,
) -> Order:
    """Ask the venue for new terms of a resting order; what is left out stays. The old terms hold until it agrees.

    Less of an opening order at its prices surely reduces risk, where the venue changes the order itself (see
    permits.surely_less): it passes any hold, a pause, limits, session and prices, and has to be well formed and within
    the pace of the bot's messages. Other terms pass every check as a new order would, for what they leave to fill, and
    the dearer of both is reserved meanwhile; for them the order's bot must be at work: its permit is the bot's, whoever
    asks. Raises Refused DEPLOYMENT_NOT_RUNNING, SESSION_REQUIRED, EPOCH_FENCED, REPLACE_NOT_RESTING, VENUE_CANNOT,
    NOTHING_CHANGED, EXIT_GROWS, ORDER_DENIED with the codes; Invalid for terms that are not above zero and a quantity
    that is not above what was filled.
    """
    deployment = loaded(order.deployment_id)
    with acting(actor, reason):
        row = ledger.locked(order)
        _check_owner(row, actor)
        asked = terms.present(row).but(quantity, limit_price, stop_price)
        _check_replaceable(row, asked)
        is_less = permits.surely_less(row, asked)
        ticket = _ticket_with(row, deployment, asked)
        judged = _judge_replaced(row, ticket, is_less=is_less)
        risk.count_order(scope=row.bot.scope)
        changes: dict[str, Any] = {f"replace_{name}": value for name, value in asdict(asked).items()}
        ledger.advance(row, OrderState.PENDING_REPLACE, due_at=wall_now(), **changes)
        if not is_less:
            _reserve_dearer(row, ticket, judged)
        audit.record("order.replace_asked", row, scope_id=row.bot.scope_id, after=_written(changes))
        nudges.wake("execution.send_due_orders")
    return row


def _check_replaceable(row: Order, asked: terms.Terms) -> None:
    if row.state not in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
        raise Refused("REPLACE_NOT_RESTING", f"the order is {row.state}: only a resting one can be replaced")
    if row.cancel_requested:
        raise Refused("REPLACE_NOT_RESTING", "the order is being cancelled: its terms change no more")
    if asked == terms.present(row):
        raise Refused("NOTHING_CHANGED", "the order has these terms already")
    if not (asked.quantity.is_finite() and asked.quantity > 0):
        raise Invalid("QUANTITY_NOT_POSITIVE", "quantity and prices must be above zero")
    if asked.quantity <= row.filled_quantity:
        raise Invalid("QUANTITY_FILLED", f"{text_of(row.filled_quantity)} are filled already: cancel instead")
    if row.purpose == Purpose.EXIT and asked.quantity > row.quantity:
        raise Refused("EXIT_GROWS", "an exit is sized by what the venue holds: place another one for more")


def _ticket_with(row: Order, deployment: Deployment, asked: terms.Terms) -> Ticket:
    """What the new terms leave to fill, as a ticket."""
    return with_terms(
        _ticket_of(row, deployment),
        quantity=asked.quantity - row.filled_quantity,
        limit_price=asked.limit_price,
        stop_price=asked.stop_price,
    )


def _judge_replaced(row: Order, ticket: Ticket, *, is_less: bool) -> judging.Judgement:
    """The check of what the new terms leave to fill, as if the order were not there; for less of it OF_LESS alone."""
    if not is_less:
        _check_at_work(ticket)
    exposure = risk.lock_exposure(scope=row.bot.scope, instrument=row.instrument)
    judged = judging.judge(ticket, exposure, risk.rates(scope=row.bot.scope), besides=row)
    _refuse_malformed(judged.denials)
    if not (judged.capabilities.has_replace and judged.capabilities.has_lookup):
        raise Refused("VENUE_CANNOT", "the venue replaces no orders: cancel it and place a new one")
    codes = [code for code in judged.codes if not is_less or code in OF_LESS]
    if codes:
        raise Refused("ORDER_DENIED", "the pre-trade check denied the new terms", codes=codes)
    return judged


def _check_at_work(ticket: Ticket) -> None:
    try:
        _check_running(ticket)
    except Refused as error:
        raise Refused(error.code, f"{ticket.deployment} is not at work: cancel the order instead") from None


def _reserve_dearer(row: Order, ticket: Ticket, judged: judging.Judgement) -> None:
    """Reserve the dearer of old and new terms until the venue says which ones hold."""
    reserved, unit = max(row.reserved_quantity, ticket.quantity), max(row.unit_base, judged.unit_base)
    denials = judging.overdrawn(ticket, judged, ledger.set_reserved(row, reserved, unit_base=unit))
    if denials:
        codes = [denial.code for denial in denials]
        raise Refused("ORDER_DENIED", "another order took the room that the new terms need", codes=codes)


def _ticket_of(row: Order, deployment: Deployment) -> Ticket:
    return Ticket(
        deployment=deployment,
        instrument=row.instrument,
        session=row.session,
        by_person=row.by_person,
        **{term: getattr(row, term) for term in TERMS},
    )


def _written(figures: dict[str, Decimal | None]) -> dict[str, str | None]:
    return {name: None if value is None else text_of(value) for name, value in figures.items()}


def _store(ticket: Ticket, actor: User | str, judged: judging.Judgement) -> Order:
    deployment, accepted = ticket.deployment, not judged.denials
    # Whatever guards or closes a position may not turn it around, should its size change in between.
    is_reduce_only = ticket.is_reduce_only or ticket.purpose != Purpose.OPENING
    return Order.objects.create(
        client_order_id=ticket.client_order_id or uuid7(),
        deployment=deployment,
        bot=deployment.bot,
        account=deployment.account,
        instrument=ticket.instrument,
        session=ticket.session,
        cycle=ticket.cycle,
        intent_sequence=ticket.intent_sequence,
        epoch=deployment.epoch,
        build_id=deployment.release.build_id,
        trace_id=ticket.cycle.pk if ticket.cycle else uuid7(),
        placed_by=actor_text(actor),
        by_person=ticket.by_person,
        is_reduce_only=is_reduce_only and judged.capabilities.has_reduce_only,
        reference_price=judged.market.venue_price or judged.market.reference_price,
        limits_snapshot={kind: text_of(value) for kind, value in judged.limits.items()},
        decided_market_at=judged.market_at if ticket.decided_ms is None else from_ms(ticket.decided_ms),
        state=OrderState.INITIALIZED if accepted else OrderState.DENIED,
        codes=list(dict.fromkeys(judged.codes)),
        unit_base=judged.unit_base,
        reserved_quantity=ticket.quantity if accepted else ZERO,
        due_at=wall_now() if accepted else None,
        **{term: getattr(ticket, term) for term in TERMS},
    )


def loaded(deployment_id: uuid.UUID) -> Deployment:
    """A deployment with everything that placing an order reads, in one query."""
    return Deployment.objects.select_related(*deployments.RELATED).get(pk=deployment_id)
