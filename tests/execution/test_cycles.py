"""Strategy cycles: bars in, orders out, the checkpoint committed with both."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
import quarterdeck

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common import claims
from apps.common.clocks import to_ms
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution import tasks, warm
from apps.execution.models import Cycle, EquityPoint, Fill, Order
from apps.execution.services import cycles
from apps.execution.states import CycleState, OrderState
from apps.markets import selectors as markets
from apps.risk.models import Exposure
from apps.runtime.host import BotFailed
from tests.execution.bots import ScriptedBot, buy_each_bar, use_scripted_bots
from tests.execution.builders import Floor, redeploy, work_orders
from tests.markets.builders import BY


def claim() -> Cycle:
    """The due cycle, as a worker takes it."""
    execution.open_missing_cycles()
    return claims.claim(Cycle.objects.filter(state=CycleState.DUE), lease_s=15)[0]


def run(floor: Floor, seconds: int = 1) -> None:
    """Let time pass and run what is due."""
    floor.pass_time(seconds)
    tasks.run_due_cycles()


def trade_once(floor: Floor) -> None:
    """The bot decides, its order fills, and the bot is told."""
    run(floor)
    work_orders()
    floor.pass_time(1)
    execution.sync_account(floor.account)
    run(floor)


@pytest.fixture
def bot(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> type[ScriptedBot]:
    """A bot that buys on every bar; its first cycle is open."""
    scripted = use_scripted_bots(monkeypatch, buy_each_bar)
    tasks.run_due_cycles()
    return scripted


def test_a_bar_becomes_a_checkpoint_and_its_orders(floor: Floor, bot: type[ScriptedBot]) -> None:
    run(floor)

    done, due = Cycle.objects.order_by("sequence")
    order = Order.objects.get()
    assert (done.state, done.bars, done.checkpoint["bars"]) == (CycleState.DONE, 1, 1)
    assert done.until_ms == to_ms(markets.market_now(floor.feed))
    assert (due.state, due.sequence, due.from_ms) == (CycleState.DUE, 2, done.until_ms)
    assert (order.state, order.cycle_id, order.intent_sequence) == (OrderState.INITIALIZED, done.pk, 1)
    assert Deployment.objects.get().observed == "running"
    assert EquityPoint.objects.count() == 1


def test_an_intent_may_ask_for_extended_hours(
    floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bot._intent
    monkeypatch.setattr(bot, "_intent", lambda self, bar: replace(plain(self, bar), extended_hours=True))

    run(floor)

    assert Order.objects.get().is_extended_hours


def test_without_a_new_bar_nothing_is_asked(floor: Floor, bot: type[ScriptedBot]) -> None:
    run(floor)
    asked = len(bot.started[0].told)

    tasks.run_due_cycles()

    assert len(bot.started[0].told) == asked
    assert Cycle.objects.filter(state=CycleState.DUE).get().attempts == 0


def test_a_warm_bot_serves_cycle_after_cycle(floor: Floor, bot: type[ScriptedBot]) -> None:
    for _ in range(4):
        run(floor)

    assert len(bot.started) == 1
    assert len(bot.started[0].bars()) == 4
    assert Cycle.objects.filter(state=CycleState.DONE).count() == 4


def test_a_cold_bot_goes_on_from_the_checkpoint(floor: Floor, bot: type[ScriptedBot]) -> None:
    run(floor)
    warm.drop(floor.deployment.pk)  # as when the next worker is another process

    run(floor)

    second = bot.started[1]
    assert second.checkpoint["next_seq"] == 2
    assert [order.intent_sequence for order in Order.objects.order_by("id")] == [1, 2]


def test_many_bars_after_a_pause_are_one_cycle_and_old_decisions_do_not_trade(
    floor: Floor, bot: type[ScriptedBot]
) -> None:
    run(floor, seconds=8)

    cycle = Cycle.objects.get(state=CycleState.DONE)
    orders = list(Order.objects.order_by("intent_sequence"))
    assert cycle.bars == 8
    assert [order.state for order in orders] == ["DENIED"] * 5 + ["INITIALIZED"] * 3
    assert {code for order in orders for code in order.codes} == {"DECISION_STALE"}


def test_a_long_backlog_is_taken_in_slices(
    floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycles, "BARS_PER_CYCLE", 3)
    run(floor, seconds=8)
    run(floor, seconds=1)
    run(floor, seconds=1)

    sizes = list(Cycle.objects.filter(state=CycleState.DONE).order_by("sequence").values_list("bars", flat=True))
    seen = [bar.end_ms for bar in bot.started[0].bars()]
    assert sizes == [3, 3, 2, 1, 1]
    assert seen == sorted(set(seen))


def test_fills_are_told_before_the_bar_that_follows(floor: Floor, bot: type[ScriptedBot]) -> None:
    trade_once(floor)

    told = bot.started[0].told
    kinds = [type(event).__name__ for event in told]
    assert kinds[:3] == ["Bar", "Bar", "Fill"] or kinds[:3] == ["Bar", "Fill", "Bar"]
    assert [event.intent_seq for event in bot.started[0].others()] == [1]
    run(floor)
    assert len(bot.started[0].others()) == 1


def test_a_denial_is_told_once(floor: Floor, bot: type[ScriptedBot]) -> None:
    for _ in range(12):
        run(floor)

    told = bot.started[0].others()
    assert [(event.intent_seq, event.status, event.code) for event in told] == [
        (11, quarterdeck.OrderStatus.DENIED, "POSITION_ABOVE_LIMIT")
    ]
    assert Order.objects.filter(intent_sequence=11, is_reported=True).exists()


def test_a_bot_that_fails_stops_its_deployment_and_nothing_counts(
    floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: ScriptedBot, bar: quarterdeck.Bar) -> int:
        raise BotFailed("BOT_FAILED", "division by zero")

    monkeypatch.setattr(ScriptedBot, "script", staticmethod(fails))

    run(floor)

    cycle, deployment = Cycle.objects.get(), Deployment.objects.get()
    assert (cycle.state, cycle.checkpoint, cycle.error) == (CycleState.FAILED, None, "BOT_FAILED: division by zero")
    assert (deployment.observed, deployment.desired) == ("failed", "running")
    assert Alert.objects.get(code="BOT_FAILED").tier == "critical"
    assert bot.started[0].is_closed
    assert not Order.objects.exists()
    run(floor)
    assert Cycle.objects.count() == 1


def test_an_intent_that_is_no_order_fails_the_whole_slice(
    floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = ScriptedBot._intent

    def bad_second(self: ScriptedBot, bar: quarterdeck.Bar) -> quarterdeck.Intent:
        made = intent(self, bar)
        return made if made.seq == 1 else quarterdeck.Intent(**{**fields_of(made), "quantity": Decimal(0)})

    monkeypatch.setattr(ScriptedBot, "_intent", bad_second)
    monkeypatch.setattr(ScriptedBot, "script", staticmethod(lambda bot, bar: 2))

    run(floor)

    assert Cycle.objects.get().error.startswith("QUANTITY_NOT_POSITIVE")
    assert not Order.objects.exists()
    assert not Exposure.objects.exclude(working_buy=0).exists()


def fields_of(intent: quarterdeck.Intent) -> dict[str, object]:
    """Its fields by name."""
    return {name: getattr(intent, name) for name in intent.__dataclass_fields__}


def test_a_paused_deployment_makes_no_cycles(floor: Floor, bot: type[ScriptedBot]) -> None:
    deployments.pause(deployment=floor.deployment, **BY)

    for _ in range(3):
        run(floor)

    assert list(Cycle.objects.values_list("state", flat=True)) == [CycleState.FENCED]
    assert not Order.objects.exists()
    assert bot.started == []


def test_a_cycle_of_an_older_epoch_is_fenced_at_once(floor: Floor, bot: type[ScriptedBot]) -> None:
    old = Cycle.objects.get()
    Cycle.objects.update(due_at=floor.wall.now.replace(year=2030))
    redeploy(floor)

    tasks.run_due_cycles()

    old.refresh_from_db()
    assert old.state == CycleState.FENCED
    assert Cycle.objects.get(state=CycleState.DUE).epoch == 2


def test_a_cycle_that_is_fenced_while_the_bot_thinks_changes_nothing(
    floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pauses(self: ScriptedBot, bar: quarterdeck.Bar) -> int:
        deployments.pause(deployment=floor.deployment, **BY)
        return 1

    monkeypatch.setattr(ScriptedBot, "script", staticmethod(pauses))

    run(floor)
    tasks.run_due_cycles()

    assert Cycle.objects.get().checkpoint is None
    assert not Order.objects.exists()
    assert Deployment.objects.get().observed == "paused"


def test_a_resumed_deployment_goes_on_where_it_stopped(floor: Floor, bot: type[ScriptedBot]) -> None:
    run(floor)
    deployments.pause(deployment=floor.deployment, **BY)
    run(floor, seconds=2)
    deployments.resume(deployment=floor.deployment, **BY)

    tasks.run_due_cycles()

    seen = [bar.end_ms for started in bot.started for bar in started.bars()]
    assert len(seen) == 3
    assert seen == sorted(set(seen))
    assert bot.started[-1].checkpoint["bars"] == 1


def test_another_build_starts_empty_handed_with_what_the_bot_holds(floor: Floor, bot: type[ScriptedBot]) -> None:
    run(floor)
    work_orders()
    floor.pass_time(2)
    execution.sync_account(floor.account)
    redeploy(floor)

    tasks.run_due_cycles()

    fresh = bot.started[-1]
    assert fresh.checkpoint is None
    assert [event.intent_seq for event in fresh.others()] == [None]
    assert fresh.state["held"] == "1"


def test_another_build_is_told_nothing_of_the_intents_before_it(floor: Floor, bot: type[ScriptedBot]) -> None:
    """A late rejection of the old build's first intent is not the first intent of the new one."""
    run(floor)
    work_orders()
    order = Order.objects.get()
    redeploy(floor)
    execution.cancel(order=order, actor=floor.trader, reason="not this build's")
    work_orders()

    run(floor)
    run(floor)

    fresh = bot.started[-1]
    assert fresh.others() == []
    assert fresh.state["held"] == "0"


def test_the_build_of_before_that_comes_back_starts_anew_too(floor: Floor, bot: type[ScriptedBot]) -> None:
    run(floor)
    first = Deployment.objects.get().promotion
    redeploy(floor)
    floor.deployment = deployments.start(promotion=first, **BY)

    run(floor)

    assert bot.started[-1].checkpoint is None
    assert Order.objects.latest("id").build_id == first.release.build_id


def test_the_id_of_an_order_follows_from_its_place(floor: Floor) -> None:
    place = (floor.deployment.pk, 1, 2, 3)

    assert cycles.client_order_id(*place) == cycles.client_order_id(*place)
    others = {cycles.client_order_id(place[0], *rest) for rest in ((1, 2, 4), (1, 3, 3), (2, 2, 3), (1, 23, 0))}
    assert len(others | {cycles.client_order_id(*place)}) == 5
    assert isinstance(cycles.client_order_id(*place), UUID)


def test_a_trade_that_the_venue_lists_late_is_told_too(floor: Floor, bot: type[ScriptedBot]) -> None:
    """Another trade with a later number was told before it."""
    trade_once(floor)
    (known,) = Fill.objects.all()
    late = {
        field: getattr(known, field)
        for field in ("account", "order", "bot", "instrument", "side", "price", "fee", "fee_currency", "market_at")
    }
    with acting(**BY):
        Fill.objects.create(trade_id="late", venue_sequence=known.venue_sequence - 1, quantity=Decimal(2), **late)

    run(floor)

    told = [event.quantity for event in bot.started[0].others() if isinstance(event, quarterdeck.Fill)]
    assert told == [Decimal(1), Decimal(2)]
    run(floor)
    assert len([event for event in bot.started[0].others() if isinstance(event, quarterdeck.Fill)]) == 2
