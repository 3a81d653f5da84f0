"""Reconciliation runs: every kind of break is found, nothing in flight is one, no answer is never clean."""

from decimal import Decimal

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common import claims
from apps.execution import services as execution
from apps.execution.models import Fill, Order
from apps.reconciliation import services
from apps.reconciliation.models import Break, ReconciliationRun
from apps.venues.adapters.base import VenueTimeout
from apps.venues.paper import drills
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperAccount, PaperOrder, PaperPosition, PaperTrade
from tests.api.world import World
from tests.reconciliation.builders import BY, make_trade, open_breaks, reconcile


def test_books_that_agree_are_clean(books: World) -> None:
    run = reconcile(books.own.account)

    assert (run.state, run.breaks_found, run.message) == ("clean", 0, "")
    assert (run.orders_compared, run.fills_compared, run.positions_compared) == (1, 1, 1)
    assert not Break.objects.exists()
    assert Record.objects.filter(act="reconciliation.clean", actor="job:reconciliation").exists()


def test_no_venue_is_asked_inside_a_transaction(committed_books: World) -> None:
    """The guard of adapters would fail the run."""
    assert reconcile(committed_books.own.account).state == "clean"


def test_a_stray_trade_is_every_break_that_it_is(books: World) -> None:
    drills.inject_trade(
        account_name=books.own.account.name,
        symbol="BTC-USD",
        side="BUY",
        quantity=Decimal("0.5"),
        price=Decimal(100),
    )

    run = reconcile(books.own.account)

    assert (run.state, run.breaks_found) == ("broken", 5)
    assert open_breaks() == {
        ("unknown_trade", "critical"),
        ("unknown_order", "critical"),
        ("missing_fill_here", "critical"),
        ("position", "critical"),
        ("cash", "high"),
    }
    assert not Fill.objects.filter(trade_id__startswith="stray").exists()


def lose_trade() -> None:
    PaperTrade.objects.all().delete()


def reprice_trade() -> None:
    PaperTrade.objects.update(price=Decimal(59_999))


def lose_order() -> None:
    PaperTrade.objects.all().delete()
    PaperOrder.objects.all().delete()


def overfill_order() -> None:
    PaperOrder.objects.update(filled_quantity=Decimal("0.2"))


def move_position() -> None:
    PaperPosition.objects.update(quantity=Decimal("0.3"))


def move_cash() -> None:
    PaperAccount.objects.update(cash=Decimal(94_000))


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (lose_trade, {("missing_fill_there", "critical")}),
        (reprice_trade, {("fill_differs", "high")}),
        (lose_order, {("missing_fill_there", "critical"), ("order_missing", "high")}),
        (overfill_order, {("order_differs", "high")}),
        (move_position, {("position", "critical")}),
        (move_cash, {("cash", "high")}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_difference_at_the_venue_is_a_break(books: World, break_it: object, expected: set[tuple[str, str]]) -> None:
    break_it()  # type: ignore[operator]

    run = reconcile(books.own.account)

    assert (run.state, run.breaks_found) == ("broken", len(expected))
    assert open_breaks() == expected
    found = Break.objects.first()
    assert found is not None
    assert found.owner == books.own.bot.owner
    assert found.ours != found.theirs


def test_a_critical_break_raises_a_critical_alert_on_the_account(books: World) -> None:
    move_position()

    reconcile(books.own.account)

    alert = Alert.objects.get(code="RECONCILIATION_BREAK")
    assert (alert.tier, alert.scope_id, alert.state) == ("critical", books.own.account.scope_id, "open")
    assert alert.detail == {"ours": {"quantity": "0.1"}, "theirs": {"quantity": "0.3"}}


def test_a_fill_that_is_not_booked_yet_is_booked_first(books: World) -> None:
    trade_on_the_way()

    run = reconcile(books.own.account)

    assert (run.state, run.fills_compared) == ("clean", 2)
    assert Order.objects.get(pk=books.own.order.pk).filled_quantity == Decimal("0.2")


def trade_on_the_way() -> None:
    """A second trade of our order, with everything that follows from it at the venue."""
    make_trade(PaperOrder.objects.get(), trade_id="t-2")
    PaperOrder.objects.update(filled_quantity=Decimal("0.2"))
    PaperPosition.objects.update(quantity=Decimal("0.2"))
    PaperAccount.objects.update(cash=Decimal(87_999))


def test_what_is_gone_at_the_second_look_was_in_flight(books: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first sync misses a trade that the snapshot shows; the second books it."""
    trade_on_the_way()
    syncs, real = [], execution.sync_account

    def late(account: object) -> int:
        syncs.append(account)
        return real(account) if len(syncs) > 1 else 0  # type: ignore[arg-type]

    monkeypatch.setattr(execution, "sync_account", late)
    run = reconcile(books.own.account)

    assert len(syncs) == 2
    assert run.state == "clean"
    assert not Break.objects.exists()
    assert not Alert.objects.filter(code__startswith="RECONCILIATION").exists()


@pytest.mark.parametrize("call", ["orders_since", "trades_since", "positions", "balances", "open_orders"])
def test_a_query_that_fails_is_never_clean(books: World, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def silent(*_: object) -> None:
        raise VenueTimeout("nothing came back")

    monkeypatch.setattr(PaperAdapter, call, silent)

    run = reconcile(books.own.account)

    assert (run.state, run.message) == ("failed", "VENUE_TIMEOUT")
    assert not Break.objects.exists()
    alert = Alert.objects.get(code="RECONCILIATION_FAILED")
    assert (alert.tier, alert.state) == ("high", "open")


def test_a_failed_run_leaves_open_breaks_open(books: World, monkeypatch: pytest.MonkeyPatch) -> None:
    move_position()
    reconcile(books.own.account)
    with monkeypatch.context() as patch:
        patch.setattr(PaperAdapter, "balances", lambda _: 1 / 0)
        assert reconcile(books.own.account).state == "failed"

    assert open_breaks() == {("position", "critical")}


def test_the_next_run_that_works_clears_the_failure(books: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PaperAdapter, "balances", lambda _: 1 / 0)
        reconcile(books.own.account)

    reconcile(books.own.account)

    assert Alert.objects.get(code="RECONCILIATION_FAILED").state == "resolved"


def test_a_break_seen_again_is_the_same_break(books: World) -> None:
    move_position()
    first, second = reconcile(books.own.account), reconcile(books.own.account)

    found = Break.objects.get()
    assert (found.first_run, found.last_run) == (first, second)
    assert Alert.objects.get(code="RECONCILIATION_BREAK").repeats == 0


def test_a_break_that_is_gone_is_resolved_with_its_alert(books: World) -> None:
    move_position()
    reconcile(books.own.account)
    PaperPosition.objects.update(quantity=Decimal("0.1"))

    run = reconcile(books.own.account)

    found = Break.objects.get()
    assert run.state == "clean"
    assert (found.state, found.resolution) == ("resolved", "no longer differs")
    assert Alert.objects.get(code="RECONCILIATION_BREAK").state == "resolved"


def test_a_break_resolved_by_hand_that_still_differs_comes_back(books: World) -> None:
    move_position()
    reconcile(books.own.account)
    services.resolve_break(break_=Break.objects.get(), resolution="asked the desk", **BY)

    reconcile(books.own.account)

    assert sorted(Break.objects.values_list("state", flat=True)) == ["open", "resolved"]
    assert open_breaks() == {("position", "critical")}


def test_a_run_that_another_worker_took_over_is_left_to_it(books: World) -> None:
    services.request_run(account=books.own.account, trigger="person", **BY)
    slow = claims.claim(ReconciliationRun.objects.filter(state="due"), lease_s=-1)[0]
    claims.claim(ReconciliationRun.objects.filter(state="due"), lease_s=60)
    move_position()

    services.run(run=slow)

    assert ReconciliationRun.objects.get().state == "due"
    assert not Break.objects.exists()


def test_a_run_whose_worker_died_is_run_by_the_next(books: World) -> None:
    services.request_run(account=books.own.account, trigger="person", **BY)
    claims.claim(ReconciliationRun.objects.filter(state="due"), lease_s=-1)

    assert services.run_due() == 1

    run = ReconciliationRun.objects.get()
    assert (run.state, run.attempts) == ("clean", 2)


def test_an_account_of_ours_that_the_venue_does_not_know_fails(books: World) -> None:
    PaperAccount.objects.filter(name=books.other.account.name).delete()

    run = reconcile(books.other.account)

    assert (run.state, run.message) == ("failed", "ACCOUNT_UNKNOWN")


def test_our_own_books_are_compared_too(books: World) -> None:
    with acting(**BY):
        Order.objects.filter(pk=books.own.order.pk).update(state="REJECTED")

    reconcile(books.own.account)

    assert open_breaks() == {("order_differs", "high")}
