"""Backtests through the API: asked for, followed, cancelled, read, compared."""

from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.runtime.models import Backtest, BacktestFill, BacktestRun
from tests.api.world import ARRANGE, START

BACKTESTS = "/api/v1/backtests/"
RUNS = f"{BACKTESTS}runs/"


@pytest.fixture
def engineer(world, as_user):
    """The engineer of the own desk."""
    return as_user(world.own.people["engineer"])


def body(world, **overrides):
    parts = {"code_version": str(world.own.code_version.pk), "parameter_set": str(world.own.parameter_set.pk)}
    return parts | {"dataset": "btc-hourly", "reason": "what does it earn?"} | overrides


def kept(world, **overrides):
    """Another result of the own bot."""
    fields = {
        "code_version": world.own.code_version,
        "parameter_set": world.own.parameter_set,
        "dataset": world.dataset,
        "seed": 1,
        "intents_hash": "4" * 64,
        "metrics": {"total_return": "0.1", "sharpe": None, "fill_count": 2},
        "equity": [[1_704_070_800_000, "100"], [1_704_074_400_000, "80"], [1_704_078_000_000, "90"]],
        "duration_ms": 5,
    }
    with acting(**ARRANGE):
        return Backtest.objects.create(**(fields | overrides))


def test_one_is_asked_for_and_followed(world, engineer):
    answer = engineer.post(BACKTESTS, body(world, seed=7, simulation={"taker_fee_bps": "25"}))

    run = answer.json()
    assert (answer.status_code, run["state"], run["bars_total"], run["seed"]) == (202, "queued", 10, 7)
    assert (run["simulation"]["taker_fee_bps"], run["simulation"]["half_spread_bps"]) == ("25", "2")
    assert engineer.get(f"{RUNS}{run['id']}/").json() == run
    assert engineer.get(RUNS, {"state": "queued"}).json()["results"][0]["id"] == run["id"]


def test_one_key_asks_for_one(world, engineer):
    first, again = (
        engineer.post(BACKTESTS, body(world), HTTP_IDEMPOTENCY_KEY="one-key-for-one-backtest") for _ in range(2)
    )

    assert first.json() == again.json()
    assert BacktestRun.objects.filter(reason="what does it earn?").count() == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"dataset": "none"}, 404, "REFERENCE_NOT_FOUND"),
        ({"seed": -1}, 400, None),
        ({"starting_cash": "0"}, 422, "BACKTEST_CASH"),
        ({"simulation": {"queue_share": "2"}}, 422, "BACKTEST_SETTINGS"),
        ({"simulation": {"taker_fee_bps": 1.5}}, 400, None),
    ],
)
def test_what_makes_no_sense_is_refused(world, engineer, changes, status, code):
    before = BacktestRun.objects.count()

    answer = engineer.post(BACKTESTS, body(world, **changes))

    assert answer.status_code in {status, 422 if status == 400 else status}
    assert code in {None, answer.json()["code"]}
    assert BacktestRun.objects.count() == before


def test_whoever_only_views_neither_asks_nor_cancels(world, as_user):
    client, before = as_user(world.own.people["auditor"]), BacktestRun.objects.count()

    asked = client.post(BACKTESTS, body(world))
    cancelled = client.post(f"{RUNS}{world.own.backtest_run.pk}/cancel/", {})

    assert [asked.json()["code"], cancelled.json()["code"]] == ["PERMISSION_DENIED"] * 2
    assert BacktestRun.objects.count() == before
    assert BacktestRun.objects.get(pk=world.own.backtest_run.pk).state == "queued"


def test_another_desks_code_does_not_exist(world, engineer):
    answer = engineer.post(BACKTESTS, body(world, code_version=str(world.other.code_version.pk)))

    assert (answer.status_code, answer.json()["code"]) == (404, "REFERENCE_NOT_FOUND")


def test_one_is_cancelled_once(world, engineer):
    address = f"{RUNS}{world.own.backtest_run.pk}/cancel/"

    first, again = engineer.post(address, {"reason": "a typo"}), engineer.post(address, {})

    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert (again.status_code, again.json()["code"]) == (409, "STATE_CONFLICT")


def test_trades_come_in_pages_in_the_order_of_the_market_and_as_csv(world, engineer):
    figures = dict.fromkeys(("quantity", "price", "fee", "slippage", "realised_pnl"), Decimal("1.50"))
    with acting(**ARRANGE):
        BacktestFill.objects.create(
            backtest=world.own.backtest, number=2, market_at=START, side="SELL", liquidity="MAKER", **figures
        )
    address = f"{BACKTESTS}{world.own.backtest.pk}/trades/"

    first = engineer.get(address, {"page_size": 1}).json()
    second = engineer.get(first["next"]).json()

    assert [row["number"] for row in (*first["results"], *second["results"])] == [1, 2]
    assert second["results"][0]["fee"] == "1.5"
    text = b"".join(engineer.get(f"{address}export/").streaming_content).decode().splitlines()
    assert text[0].startswith("number,market_at,side")
    assert text[2].startswith("2,2024-01-01 00:00:00+00:00,SELL,1.5,1.5")


def test_the_curves_come_with_one_result(world, engineer):
    result = kept(world)

    shown = engineer.get(f"{BACKTESTS}{result.pk}/").json()

    assert shown["drawdown"] == [[1_704_070_800_000, "0"], [1_704_074_400_000, "0.2"], [1_704_078_000_000, "0.1"]]
    lines = b"".join(engineer.get(f"{BACKTESTS}{result.pk}/equity/export/").streaming_content).decode().splitlines()
    assert lines[2] == "2024-01-01 02:00:00+00:00,80"


def test_two_are_compared_figure_by_figure(world, engineer):
    first, second = kept(world), kept(world, seed=2, metrics={"total_return": "0.25", "sharpe": "1", "fill_count": 1})

    answer = engineer.get(f"{BACKTESTS}{first.pk}/compare/", {"with": str(second.pk)}).json()

    assert answer["unequal_inputs"] == ["seed"]
    assert answer["differences"] == [
        {"name": "total_return", "first": "0.1", "second": "0.25", "change": "0.15"},
        {"name": "sharpe", "first": None, "second": "1", "change": None},
        {"name": "fill_count", "first": "2", "second": "1", "change": "-1"},
    ]


def test_another_desks_result_is_nothing_to_compare_with(world, engineer):
    address = f"{BACKTESTS}{world.own.backtest.pk}/compare/"

    hidden, missing = engineer.get(address, {"with": str(world.other.backtest.pk)}), engineer.get(address)

    assert (hidden.status_code, hidden.json()["code"]) == (404, "REFERENCE_NOT_FOUND")
    assert (missing.status_code, missing.json()["code"]) == (422, "BACKTEST_WITH")
