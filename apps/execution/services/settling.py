"""An order that only the venue's desk can tell about: what a person learned there, and what follows from it.

That it works at the venue takes one person. That nothing of it works any more frees what it reserves and so allows
more: it takes a second person.
"""

from datetime import timedelta

from apps.access import services as access
from apps.access.models import User
from apps.access.states import ConsentState, Permission
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import nudges
from apps.common.canonical import digest as digest_of
from apps.common.clocks import wall_now
from apps.common.decimals import text_of
from apps.common.errors import Forbidden, Invalid, Refused
from apps.execution.models import Order, OrderSettlement
from apps.execution.services import books, doubts, ledger
from apps.execution.states import AT_VENUE, ORDER_TRANSITIONS, OrderState, SettleOutcome

OPEN_H = 24
STATES = {
    SettleOutcome.ACCEPTED: OrderState.ACCEPTED,
    SettleOutcome.CANCELED: OrderState.CANCELED,
    SettleOutcome.EXPIRED: OrderState.EXPIRED,
    SettleOutcome.REJECTED: OrderState.REJECTED,
    SettleOutcome.NOT_SENT: OrderState.NOT_SENT,
}


def is_in_doubt(order: Order) -> bool:
    """Whether only a person can find out what became of the order at the venue."""
    return order.needs_person and order.state in AT_VENUE


def outcomes_of(order: Order) -> list[SettleOutcome]:
    """What the desk may say of it: an order that the venue had taken can not have been lost on the way.

    What the venue itself calls open has not ended, whoever says so: nothing that frees can be stated of it.
    """
    if doubts.says_open(order):
        return [SettleOutcome.ACCEPTED]
    return [
        outcome
        for outcome, state in STATES.items()
        if outcome == SettleOutcome.ACCEPTED or state in ORDER_TRANSITIONS[OrderState(order.state)]
    ]


def settle_by_person(
    *, order: Order, outcome: str, actor: User, reason: str, venue_order_id: str = ""
) -> OrderSettlement:
    """State what the venue's desk said of an order in doubt.

    `accepted` (with the venue's order id) holds at once; any other outcome frees what the order reserves and is
    put to the vote of a second person. Raises Forbidden PERSON_NEEDED; Refused ORDER_NOT_IN_DOUBT,
    SETTLEMENT_OPEN, VENUE_SAYS_OPEN; Invalid REASON_MISSING, OUTCOME_UNKNOWN, OUTCOME_IMPOSSIBLE,
    VENUE_ORDER_ID_MISSING.
    """
    _check(outcome, venue_order_id, actor, reason)
    with acting(actor, reason):
        row = ledger.locked(order)
        _check_in_doubt(row)
        _check_possible(row, outcome)
        if _waiting(row) is not None:
            raise Refused("SETTLEMENT_OPEN", "a settlement of this order waits for a vote already")
        asked = OrderSettlement.objects.create(order=row, outcome=outcome, venue_order_id=venue_order_id)
        if outcome == SettleOutcome.ACCEPTED:
            _apply(asked, row, reason)
        else:
            _put_to_vote(asked, row, actor, reason)
    return asked


def vote_settlement(*, order: Order, actor: User, approve: bool, reason: str, digest: str) -> OrderSettlement:
    """Vote on the order's open settlement; when granted it takes effect in the same transaction.

    Raises Refused ORDER_NOT_IN_DOUBT when the venue answered meanwhile, SETTLEMENT_NOT_OPEN, for an approval
    VENUE_SAYS_OPEN, DIGEST_CHANGED when the order has moved on, and as access.vote.
    """
    with acting(actor, reason):
        row = ledger.locked(order)
        _check_in_doubt(row)
        asked = _waiting(row)
        if asked is None or asked.consent is None:
            raise Refused("SETTLEMENT_NOT_OPEN", "no settlement of this order waits for a vote")
        if approve:
            _check_possible(row, asked.outcome)
        consent = access.vote(consent=asked.consent, actor=actor, approve=approve, reason=reason, digest=digest)
        if consent.state == ConsentState.GRANTED:
            access.use_consent(consent=consent, digest=settlement_digest(asked, row))
            _apply(asked, row, reason)
        asked.consent = consent
    return asked


def settlement_digest(asked: OrderSettlement, order: Order) -> str:
    """What the voters consent to: the order as it stands, what it reserves, and what is said to have become of it."""
    return digest_of(
        {
            "order": str(order.pk),
            "client_order_id": order.client_order_id.hex,
            "state": order.state,
            "outcome": asked.outcome,
            "venue_order_id": asked.venue_order_id,
            "filled": text_of(order.filled_quantity),
            "frees": text_of(order.reserved_quantity),
        }
    )


def _check(outcome: str, venue_order_id: str, actor: User, reason: str) -> None:
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person can ask the venue's desk")
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say who said so at the venue, and when; the audit keeps it")
    if outcome not in SettleOutcome.values:
        raise Invalid("OUTCOME_UNKNOWN", f"an outcome is one of {', '.join(SettleOutcome.values)}")
    if outcome == SettleOutcome.ACCEPTED and not venue_order_id.strip():
        raise Invalid("VENUE_ORDER_ID_MISSING", "say under which id the venue has the order")


def _check_possible(row: Order, outcome: str) -> None:
    if outcome != SettleOutcome.ACCEPTED and doubts.says_open(row):
        raise Refused("VENUE_SAYS_OPEN", "asked about this very order the venue says that it is open: it has not ended")
    possible = outcomes_of(row)
    if outcome not in possible:
        choices = " or ".join(possible)
        raise Invalid("OUTCOME_IMPOSSIBLE", f"an order that is {row.state} cannot have ended so: choose {choices}")


def _check_in_doubt(row: Order) -> None:
    if not is_in_doubt(row):
        raise Refused("ORDER_NOT_IN_DOUBT", f"the order is {row.state}: nobody needs to ask about it", state=row.state)


def _waiting(row: Order) -> OrderSettlement | None:
    """The order's settlement on which a vote is still possible."""
    rows = OrderSettlement.objects.filter(
        order=row, applied_at__isnull=True, consent__state=ConsentState.OPEN, consent__expires_at__gt=wall_now()
    )
    return rows.select_related("consent").order_by("-id").first()


def _put_to_vote(asked: OrderSettlement, row: Order, actor: User, reason: str) -> None:
    asked.consent = access.open_consent(
        act="order.settle",
        target=asked,
        scope=row.bot.scope,
        digest=settlement_digest(asked, row),
        slots=[Permission.VOTE_RISK.value],
        excluded=[actor],
        expires_at=wall_now() + timedelta(hours=OPEN_H),
        actor=actor,
        reason=reason,
    )
    asked.save(update_fields=["consent"])
    audit.record("order.settlement_asked", row, scope_id=row.bot.scope_id, after={"outcome": asked.outcome})


def _apply(asked: OrderSettlement, row: Order, reason: str) -> None:
    outcome = SettleOutcome(asked.outcome)
    doubts.end(row, reason=reason)
    known_as = asked.venue_order_id or row.venue_order_id
    if outcome == SettleOutcome.ACCEPTED:
        _go_on(row, known_as, reason)
    else:
        ledger.advance(row, STATES[outcome], reason=reason, codes=[doubts.SETTLED], venue_order_id=known_as)
    asked.applied_at = wall_now()
    asked.save(update_fields=["applied_at"])
    audit.record("order.settled", row, scope_id=row.bot.scope_id, after={"outcome": asked.outcome})
    nudges.hint("fleet", f"bot:{row.bot_id}")


def _go_on(row: Order, known_as: str, reason: str) -> None:
    """It works there: its place in the venue's lists is watched anew, and its cancel is asked for at once."""
    Order.objects.filter(pk=row.pk).update(unlisted_at=None, venue_order_id=known_as)
    if row.state == OrderState.UNKNOWN:
        ledger.advance(row, OrderState.ACCEPTED, reason=reason, due_at=None, venue_order_id=known_as)
    else:
        ledger.append(row, reason=reason, detail={"settled": SettleOutcome.ACCEPTED.value})
    if row.state == OrderState.PENDING_CANCEL:
        Order.objects.filter(pk=row.pk).update(due_at=wall_now())
        nudges.wake("execution.send_due_orders")
    elif row.state != OrderState.PENDING_REPLACE:
        books.keep_working(row)
