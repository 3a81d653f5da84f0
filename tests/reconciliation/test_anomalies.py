"""What the sync noted becomes a break, once, whether or not both books agree about it."""

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.execution import services as execution
from apps.execution.models import Anomaly
from apps.reconciliation import rules, services
from apps.reconciliation.models import Break, ReconciliationRun
from apps.reconciliation.states import NOTED, BreakKind
from apps.venues.adapters.base import VenueBusy, VenueDown, VenueTimeout
from apps.venues.paper import drills
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperTrade
from tests.api.world import World
from tests.reconciliation.builders import BY, open_breaks, reconcile

SEVERITIES = {"overfill": "critical", "unknown_trade": "critical", "late_fill": "high", "bust": "high"}


def note(books: World, kind: str = "overfill", key: str = "t-9") -> Anomaly:
    """The sync met something."""
    sides = {"ours": {"filled_quantity": "2"}, "theirs": {"quantity": "1"}}
    return Anomaly.objects.create(account=books.own.account, kind=kind, key=key, due_at=wall_now(), **sides)


@pytest.mark.parametrize(("kind", "severity"), SEVERITIES.items())
def test_an_anomaly_is_a_break_although_both_books_agree(books: World, kind: str, severity: str) -> None:
    anomaly = note(books, kind)

    run = reconcile(books.own.account)

    found = Break.objects.get()
    assert (run.state, run.breaks_found) == ("broken", 1)
    assert (found.kind, found.severity, found.key) == (kind, severity, "t-9")
    assert (found.ours, found.theirs) == (anomaly.ours, anomaly.theirs)
    assert Alert.objects.get(code="RECONCILIATION_BREAK").tier == severity
    anomaly.refresh_from_db()
    assert anomaly.due_at is None


def test_the_next_comparison_neither_closes_it_nor_opens_it_again(books: World) -> None:
    note(books)
    reconcile(books.own.account)

    assert reconcile(books.own.account).state == "clean"

    assert Break.objects.get().state == "open"


def test_once_a_person_has_closed_it_it_stays_closed(books: World) -> None:
    note(books)
    reconcile(books.own.account)
    services.resolve_break(break_=Break.objects.get(), resolution="the desk paid us out", **BY)

    reconcile(books.own.account)

    assert Break.objects.get().state == "resolved"


def test_an_anomaly_makes_a_run_due_at_once(books: World) -> None:
    services.schedule_runs()
    services.run_due()
    assert services.schedule_runs() == 0
    note(books)

    assert services.schedule_runs() == 1

    run = ReconciliationRun.objects.get(state="due")
    assert (run.account, run.trigger) == (books.own.account, "anomaly")


def test_a_venue_that_does_not_answer_hides_no_anomaly(books: World, monkeypatch: pytest.MonkeyPatch) -> None:
    note(books)

    def silent(_: PaperAdapter) -> None:
        raise VenueTimeout("silence")

    monkeypatch.setattr(PaperAdapter, "open_orders", silent)

    assert reconcile(books.own.account).state == "failed"

    assert open_breaks() == {("overfill", "critical")}


def test_a_run_that_cannot_be_stored_leaves_the_anomaly_due(books: World, monkeypatch: pytest.MonkeyPatch) -> None:
    anomaly = note(books)

    class Killed(BaseException):
        """The worker's end."""

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(services, "_end", killed)
        with pytest.raises(Killed):
            reconcile(books.own.account)
    anomaly.refresh_from_db()
    assert anomaly.due_at is not None
    assert not Break.objects.exists()


def test_a_bust_leaves_both_books_equal_and_one_break(books: World) -> None:
    execution.sync_account(books.own.account)
    trade = PaperTrade.objects.get()
    with acting(**BY):
        drills.inject_bust(account_name=books.own.account.name, trade_id=trade.trade_id)

    reconcile(books.own.account)

    kinds = {kind for kind, _ in open_breaks()}
    assert "bust" in kinds
    assert not kinds & {"missing_fill_here", "missing_fill_there", "fill_differs", "position"}


def test_a_run_waits_for_room_in_the_call_budget(books: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [VenueBusy("full", retry_in_s=0.01)]
    positions = PaperAdapter.positions

    def busy(self: PaperAdapter) -> object:
        if refusals:
            raise refusals.pop()
        return positions(self)

    monkeypatch.setattr(PaperAdapter, "positions", busy)

    assert reconcile(books.own.account).state == "clean"


def test_a_run_for_which_there_is_no_room_is_due_later(books: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: PaperAdapter) -> None:
        raise VenueBusy("full", retry_in_s=30.0)

    monkeypatch.setattr(PaperAdapter, "positions", busy)

    run = reconcile(books.own.account)

    assert (run.state, run.lease_owner) == ("due", "")
    assert run.due_at > wall_now()


def test_a_venue_that_is_down_fails_the_run(books: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_: PaperAdapter) -> None:
        raise VenueDown("silent", retry_in_s=0.1)

    monkeypatch.setattr(PaperAdapter, "positions", down)

    run = reconcile(books.own.account)

    assert (run.state, run.message) == ("failed", "VENUE_DOWN")


def test_every_noted_kind_is_a_kind_of_break() -> None:
    assert {kind.value for kind in NOTED} == set(SEVERITIES)
    assert {kind.value for kind in rules.Kind} == set(BreakKind.values)
