"""The paper window: what a release did on paper, judged by its definition; no data is no pass."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.execution.models import EquityPoint
from apps.releases import services as releases
from apps.releases.models import Gate
from apps.rollouts import tasks, windows
from tests.api.world import ARRANGE, World, make_world
from tests.builders import fresh

D = Decimal


@pytest.fixture
def world(db, tmp_path, settings) -> World:
    """Two desks with an order and a fill each."""
    settings.DATASET_ROOT = tmp_path
    return make_world(tmp_path)


def _asked(side) -> Gate:
    return releases.request_gates(release=side.release, kinds=["paper_window"], **ARRANGE)[0]


def _traded(side) -> None:
    """The side's order had a reference price, was answered in 200 ms, and moved equity by a hundredth."""
    order = side.order
    with acting(**ARRANGE):
        answered = order.events.filter(state__in=windows.ANSWERED).earliest("created_at").created_at
        type(order).objects.filter(pk=order.pk).update(
            reference_price=D(50_000), by_person=False, created_at=answered - timedelta(milliseconds=200)
        )
        for hours, pnl in ((0, "0"), (24, "-10")):
            EquityPoint.objects.create(
                deployment=side.deployment,
                market_at=wall_now() + timedelta(hours=hours),
                mark_price=D(1),
                quantity=D(0),
                pnl=D(pnl),
            )


@pytest.mark.parametrize(
    ("side", "price", "expected"), [("BUY", "101", "100"), ("BUY", "99", "-100"), ("SELL", "99", "100")]
)
def test_slippage_is_what_was_paid_beyond_the_reference(side: str, price: str, expected: str) -> None:
    assert windows.slippage_bps([windows.Traded(side, D(2), D(price), D(100))]) == D(expected)


def test_slippage_is_weighted_by_value() -> None:
    small, large = windows.Traded("BUY", D(1), D(110), D(100)), windows.Traded("BUY", D(9), D(100), D(100))

    assert windows.slippage_bps([small, large]) == D(100)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (20, 19), (100, 95), (101, 96)])
def test_latency_is_the_nearest_rank(count: int, expected: int) -> None:
    assert windows.high_percentile([D(number) for number in range(count, 0, -1)]) == expected


@pytest.mark.parametrize(
    ("pnl", "expected"), [([], "0"), (["10", "20"], "0"), (["-10"], "10"), (["100", "0"], "50"), (["-10", "90"], "10")]
)
def test_drawdown_is_the_deepest_fall_from_the_highest(pnl: list[str], expected: str) -> None:
    assert windows.drawdown_percent(D(100), map(D, pnl)) == D(expected)


def test_a_release_that_never_traded_on_paper_is_an_error(world) -> None:
    gate = _asked(world.own)

    tasks.report_due_gates()

    row = fresh(gate)
    assert row.state == "error"
    assert row.message.startswith("PAPER_WINDOW_EMPTY")
    assert not releases.is_open(row)


def test_too_few_trades_fail_with_every_figure(world) -> None:
    _traded(world.own)
    gate = _asked(world.own)

    tasks.report_due_gates()

    row = fresh(gate)
    assert row.state == "failed"
    assert row.figures["trades"] == 1
    assert row.figures["sessions"] == 2
    assert row.figures["latency_ms"] == "200"
    assert "trades 1 is less than the 30 needed" in row.message
    assert row.report["by"] == "job:rollouts"


def test_a_window_that_is_met_passes(world) -> None:
    _traded(world.own)
    definition = {
        "window_days": 30, "trades_min": 1, "sessions_min": 2, "reject_percent_max": "0", "slippage_bps_max": "100000",
        "latency_ms_max": "200", "drawdown_percent_max": "100",
    }  # fmt: skip
    releases.set_definition(kind="paper_window", thresholds=definition, valid_for_h=1, reporter="floor", **ARRANGE)
    gate = _asked(world.own)

    tasks.report_due_gates()

    assert fresh(gate).state == "passed"


def test_what_another_desk_traded_is_not_counted(world) -> None:
    _traded(world.other)
    gate = _asked(world.own)

    tasks.report_due_gates()

    assert fresh(gate).state == "error"


def test_what_is_older_than_the_window_is_not_counted(world) -> None:
    _traded(world.own)
    with acting(**ARRANGE):
        type(world.own.order).objects.filter(pk=world.own.order.pk).update(created_at=wall_now() - timedelta(days=31))
    gate = _asked(world.own)

    tasks.report_due_gates()

    assert fresh(gate).state == "error"


def test_a_window_that_cannot_be_measured_again_and_again_is_an_error(world, monkeypatch) -> None:
    gate = _asked(world.own)
    with acting(**ARRANGE):
        Gate.objects.filter(pk=gate.pk).update(attempts=releases.ATTEMPTS_MAX)
    monkeypatch.setattr(windows, "figures", lambda _: pytest.fail("it was measured again"))

    tasks.report_due_gates()

    assert fresh(gate).state == "error"
