"""A check that cannot fail is worth nothing: each safeguard taken out of the product is found by some seed."""

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from apps.execution import selectors
from apps.execution import services as execution
from apps.execution.models import AccountSync, Order
from apps.execution.services import books, draining, judging, ledger, orders, permits, submission
from apps.execution.states import WORKING, OrderState
from apps.risk import rules
from apps.risk import services as risk
from apps.risk.rules import sizes
from apps.risk.states import TradingState
from apps.venues import services as venues
from tests.simulation.runner import Runner
from tests.simulation.sim import PROFILES, REPAIRABLE
from tests.simulation.steps import WEIGHTS

SEEDS_MAX, STEPS = 20, 100
Patch = pytest.MonkeyPatch


def resend_under_another_id(patch: Patch) -> None:
    """Who gets no answer sends the order again as a new one."""
    give_up = submission._unknown

    def again(order: Order, reason: str) -> None:
        give_up(order, reason)
        request = dataclasses.replace(submission.request_of(order), client_order_id=uuid.uuid4().hex)
        venues.adapter_for(order.account).submit(request)

    patch.setattr(submission, "_unknown", again)


def resend_when_unknown(patch: Patch) -> None:
    """An order in doubt is sent once more instead of looked up."""

    def again(order: Order) -> None:
        venues.adapter_for(order.account).submit(submission.request_of(order))

    patch.setattr(submission, "_resolve", again)


def no_hold_check(patch: Patch) -> None:
    """The permit does not look at the holds."""
    refusal = permits.refusal

    def blind(row: Order, deployment: Any, _: TradingState, **fields: Any) -> str:
        return refusal(row, deployment, TradingState.ACTIVE, **fields)

    patch.setattr(permits, "refusal", blind)


def no_fence(patch: Patch) -> None:
    """The permit does not look at the epoch."""
    refusal = permits.refusal

    def unfenced(*args: Any, **fields: Any) -> str:
        found = refusal(*args, **fields)
        return "" if found in ("EPOCH_FENCED", "BUILD_MISMATCH") else found

    patch.setattr(permits, "refusal", unfenced)


def no_answer_is_a_rejection(patch: Patch) -> None:
    """A timeout is taken for the venue's no."""

    def rejected(order: Order, reason: str) -> None:
        submission._close(order, OrderState.REJECTED, ["TIMEOUT"], reason)

    patch.setattr(submission, "_unknown", rejected)


def unknown_is_forgotten(patch: Patch) -> None:
    """Nobody looks an order in doubt up."""
    give_up = submission._unknown

    def forgotten(order: Order, reason: str) -> None:
        give_up(order, reason)
        Order.objects.filter(pk=order.pk).update(due_at=None)

    patch.setattr(submission, "_unknown", forgotten)


def permits_never_end(patch: Patch) -> None:
    """The permit is not looked at before the call, however late it is."""
    patch.setattr(permits, "is_late", lambda permitted: False)


def reservation_returned_twice(patch: Patch) -> None:
    """An order that ends gives back more than it had reserved."""
    unreserve = risk.unreserve

    def twice(**fields: Any) -> None:
        unreserve(**fields)
        if fields["quantity"] > 0:
            unreserve(**(fields | {"quantity": fields["quantity"] / 2}))

    patch.setattr(risk, "unreserve", twice)


def reservation_kept(patch: Patch) -> None:
    """An order that ends keeps its reservation."""
    set_reserved = ledger.set_reserved

    def kept(order: Order, quantity: Decimal, **fields: Any) -> Any:
        return set_reserved(order, quantity or order.reserved_quantity, **fields)

    patch.setattr(ledger, "set_reserved", kept)


def shared_books_keep_what_ended(patch: Patch) -> None:
    """Orders that have ended still count on the books that several bots share."""
    move = risk.move_working

    def kept(*args: Any, open_orders: int = 0, **fields: Any) -> Any:
        return {} if open_orders < 0 else move(*args, open_orders=open_orders, **fields)

    patch.setattr(risk, "move_working", kept)


def fills_miss_the_exposure(patch: Patch) -> None:
    """A fill is booked without moving the position that limits are checked against."""
    patch.setattr(risk, "adjust_position", lambda **_: None)


def drain_takes_everything(patch: Patch) -> None:
    """A halt cancels what guards positions too."""

    def everything(hold: Any) -> Any:
        return Order.objects.filter(selectors.below(hold.scope), state__in=WORKING).order_by("id")

    guard = orders._check_guard
    patch.setattr(draining, "chosen_orders", everything)
    # For the drain alone: that people may not either is `protection_unguarded`.
    patch.setattr(orders, "_check_guard", lambda row, hold: guard(row, hold) if hold is None else None)


def drained_without_looking(patch: Patch) -> None:
    """A halt is called drained while orders work."""
    patch.setattr(draining, "chosen_orders", lambda hold: Order.objects.none())


def protection_unguarded(patch: Patch) -> None:
    """A protective order can be cancelled under a hold."""
    patch.setattr(orders, "_check_guard", lambda row, hold: None)


def exits_of_any_size(patch: Patch) -> None:
    """An exit is sized by nothing."""
    patch.setattr(rules, "closable", lambda *args: Decimal(3))
    patch.setattr(sizes, "closable", lambda *args: Decimal(3))


def no_position_limit(patch: Patch) -> None:
    """The check forgets the position limit."""
    effective = judging._limits
    patch.setattr(judging, "_limits", lambda *args: effective(*args) | {"position": Decimal(1000)})


def new_terms_reserve_nothing(patch: Patch) -> None:
    """New terms go to the venue without a reservation for what they add."""
    replace = orders.replace

    def unreserved(**fields: Any) -> Order:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(ledger, "set_reserved", lambda *args, **_: {})
            return replace(**fields)

    patch.setattr(execution, "replace", unreserved)


def fills_lost(patch: Patch) -> None:
    """Every second trade is booked by nobody."""
    fill = books._fill
    patch.setattr(books, "_fill", lambda row, trade: fill(row, trade) if trade.sequence % 2 else None)


def cursor_follows_the_list(patch: Patch) -> None:
    """Trades count as read in the order in which they are listed, whatever their sequence."""

    def believing(sync: AccountSync, adapter: Any) -> int:
        booked, cursor = 0, sync.cursor
        listing = books._listed(adapter, cursor)
        for trade in listing.trades:
            if trade.sequence > cursor:
                booked += books._book(sync.account, trade, listing)
                cursor = trade.sequence
        AccountSync.objects.filter(pk=sync.pk).update(cursor=cursor)
        return booked

    patch.setattr(books, "_book_new", believing)


def events_skipped(patch: Patch) -> None:
    """A state moves without its event."""
    append = ledger.append

    def some(order: Order, **fields: Any) -> None:
        if order.state != OrderState.PENDING_CANCEL:
            append(order, **fields)

    patch.setattr(ledger, "append", some)


PLAIN = {"open": 30, "market": 12, "nudge": 18, "beat": 18}
HOLDS = PLAIN | {"hold": 6, "release": 8}
GUARDS = {"open": 15, "protect": 30, "market": 20, "nudge": 18, "beat": 25, "hold": 3, "release": 2}
# Several trades come between two looks, so that their order matters.
BUSY = {"open": 40, "market": 14, "nudge": 10, "beat": 2}
# What is missing, what notices, and which acts bring it about soonest.
SABOTAGE: list[tuple[Callable[[Patch], None], set[str], Mapping[str, int]]] = [
    (resend_under_another_id, {"SENT_UNKNOWN"}, PLAIN),
    (resend_when_unknown, {"SENT_TWICE", "SENT_LATE"}, PLAIN),
    (no_hold_check, {"SENT_AFTER_LATCH"}, HOLDS),
    (no_fence, {"SENT_FENCED"}, PLAIN | {"operate": 12}),
    (no_answer_is_a_rejection, {"ENDED_WITHOUT_LOOKUP", "ENDED_BUT_OPEN"}, PLAIN),
    (unknown_is_forgotten, {"NOBODY_WILL_LOOK"}, PLAIN),
    (permits_never_end, {"SENT_LATE"}, PLAIN),
    (reservation_returned_twice, {"EXPOSURE_NOT_ORDERS", "FAILED_INSIDE"}, WEIGHTS),
    (reservation_kept, {"EXPOSURE_NOT_ORDERS", "RESERVED_NOT_WORKING"}, WEIGHTS),
    (shared_books_keep_what_ended, {"BOOK_NOT_ORDERS"}, WEIGHTS),
    (fills_miss_the_exposure, {"EXPOSURE_NOT_ORDERS"}, PLAIN),
    (drain_takes_everything, {"PROTECTION_CANCELED"}, GUARDS),
    (drained_without_looking, {"NOT_DRAINED"}, HOLDS),
    (protection_unguarded, {"PROTECTIVE_UNGUARDED"}, GUARDS | {"disarm": 10, "hold": 1, "release": 10}),
    (exits_of_any_size, {"EXIT_TOO_LARGE"}, PLAIN | {"exit": 15}),
    (no_position_limit, {"POSITION_ABOVE_LIMIT"}, PLAIN),
    (new_terms_reserve_nothing, {"RESERVED_NOT_WORKING", "BOOK_NOT_ORDERS"}, PLAIN | {"replace": 20}),
    (fills_lost, {"FILLED_NOT_FILLS", "NEVER_QUIET", "TRADES_DIFFER", "EXPOSURE_NOT_ORDERS"}, PLAIN),
    (cursor_follows_the_list, {"NEVER_QUIET", "TRADES_DIFFER", "FILLED_NOT_FILLS"}, BUSY),
    (events_skipped, {"EVENT_NOT_STATE", "MOVE_NOT_ALLOWED"}, PLAIN | {"cancel": 15}),
]


@pytest.mark.parametrize(("sabotage", "codes", "weights"), SABOTAGE, ids=[one.__name__ for one, *_ in SABOTAGE])
def test_a_safeguard_that_is_missing_is_noticed(
    playing: Runner,
    monkeypatch: Patch,
    sabotage: Callable[[Patch], None],
    codes: set[str],
    weights: Mapping[str, int],
) -> None:
    sabotage(monkeypatch)

    broken = ""
    for seed in range(SEEDS_MAX):
        # Only where faults end does everything have to come to rest.
        profile = REPAIRABLE if "NEVER_QUIET" in codes else PROFILES[seed % 2]
        broken = playing.run(seed, STEPS, profile, is_harsh=True, weights=weights).broken
        if broken:
            break

    assert broken.replace(":", " ").split(" ")[0] in codes, f"after {seed + 1} seeds: {broken or 'nobody noticed'}"
