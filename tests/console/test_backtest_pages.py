"""The pages of backtests: lists, the form, progress, what it came to, two of them side by side."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.context import acting
from apps.runtime.models import Backtest, BacktestFill, BacktestRun
from tests.api.test_backtests import kept
from tests.api.world import ARRANGE, START

BACKTESTS = "/backtests/"


@pytest.fixture
def engineer(world, signed_in):
    """The engineer of the own desk."""
    return signed_in(world.own.people["engineer"])


def asked(world, **overrides):
    parts = {"code_version": world.own.code_version.pk, "parameter_set": world.own.parameter_set.pk}
    fields = {"form": "backtest", "bot": world.own.bot.name, "dataset": "btc-hourly", "seed": "7"}
    return parts | fields | {"starting_cash": "1000", "reason": "what does it earn?"} | overrides


def test_one_is_asked_for_by_the_form(world, engineer):
    form = engineer.get(f"{BACKTESTS}new/", {"bot": world.own.bot.name}).content.decode()
    assert "btc-hourly" in form

    answer = engineer.post(f"{BACKTESTS}new/ask/", asked(world, taker_fee_bps="25", allow_short="on"))

    run = BacktestRun.objects.get(seed=7)
    assert (answer.status_code, answer["Location"]) == (302, f"{BACKTESTS}{run.pk}/")
    assert (run.simulation["taker_fee_bps"], run.simulation["allow_short"]) == ("25", True)
    assert "waits for a worker" in engineer.get(answer["Location"]).content.decode()


def test_the_form_of_a_release_starts_from_its_parts(world, engineer):
    text = engineer.get(f"{BACKTESTS}new/?bot={world.own.bot.name}&release={world.own.release.pk}").content.decode()

    assert f'<option value="{world.own.code_version.pk}" selected>' in text


def test_a_refusal_stands_beside_the_form_and_what_was_typed_is_kept(world, engineer):
    answer = engineer.post(f"{BACKTESTS}new/ask/", asked(world, queue_share="2"))

    text = answer.content.decode()
    assert (answer.status_code, "BACKTEST_SETTINGS" in text, 'value="2"' in text) == (422, True, True)
    assert not BacktestRun.objects.filter(seed=7).exists()


def test_whoever_only_views_sees_no_form_and_may_not_ask(world, signed_in):
    client = signed_in(world.own.people["auditor"])

    assert "Your roles do not let you" in client.get(f"{BACKTESTS}new/").content.decode()
    assert client.post(f"{BACKTESTS}new/ask/", asked(world)).status_code == 403
    assert "Cancel" not in client.get(f"{BACKTESTS}{world.own.backtest_run.pk}/").content.decode()


def test_the_list_shows_progress_and_is_filtered(world, engineer):
    BacktestRun.objects.filter(pk=world.own.backtest_run.pk).update(progress_percent=40)
    with acting(**ARRANGE):
        BacktestRun.objects.filter(pk=world.own.backtest_run.pk).update(state="running")

    text = engineer.get(BACKTESTS).content.decode()
    assert 'value="40"' in text
    assert world.other.bot.name not in text
    assert "No backtest to show" in engineer.get(BACKTESTS, {"state": "failed"}).content.decode()
    assert "No backtest to show" in engineer.get(BACKTESTS, {"bot": "zzz"}).content.decode()


def test_a_long_list_takes_as_many_queries_as_a_short_one(world, engineer):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            engineer.get(BACKTESTS)
        return len(seen)

    engineer.get(BACKTESTS)
    few = queries()
    with acting(**ARRANGE):
        for number in range(10):
            run = BacktestRun.objects.get(pk=world.own.backtest_run.pk)
            run.pk, run.state, run._state.adding = None, "done", True
            run.id = BacktestRun().id
            run.result = kept(world, seed=number)
            run.save(force_insert=True)

    assert queries() <= few


def test_a_run_is_cancelled_on_its_page(world, engineer):
    address = f"{BACKTESTS}{world.own.backtest_run.pk}/"
    assert "Cancel the backtest" in engineer.get(address).content.decode()

    assert engineer.post(f"{address}cancel/", {"form": "cancel", "reason": "a typo"}).status_code == 302

    assert "It was cancelled" in engineer.get(address).content.decode()
    again = engineer.post(f"{address}cancel/", {"form": "cancel", "reason": "again"})
    assert (again.status_code, "cancelled" in again.content.decode()) == (409, True)


def result_with_fills(world):
    """A result whose fills fill three pages."""
    metrics = {"total_return": "0.1234", "sharpe": "1.5", "max_drawdown": "0.2", "slippage": "12.5", "fill_count": 101}
    result = kept(world, metrics=metrics, bars=10, fills_left_out=3, simulation={"taker_fee_bps": "10"})
    figures = dict.fromkeys(("quantity", "price", "fee", "slippage", "realised_pnl"), Decimal(1))
    with acting(**ARRANGE):
        BacktestFill.objects.bulk_create(
            BacktestFill(backtest=result, number=n, market_at=START, side="BUY", liquidity="TAKER", **figures)
            for n in range(1, 102)
        )
    return result


def test_a_result_shows_figures_curves_trades_and_hashes(world, engineer):
    result = result_with_fills(world)

    text = engineer.get(f"{BACKTESTS}{result.pk}/").content.decode()

    for shown in ("12.34 %", "20.00 %", "12.50", "equity-points", "drawdown-points", "444444", "3 more are only"):
        assert shown in text, shown
    assert "page 1 of 3" in text
    assert '<th scope="row">101</th>' in engineer.get(f"{BACKTESTS}{result.pk}/?page=3").content.decode()


def test_a_gates_result_has_a_page_too(world, engineer):
    text = engineer.get(f"{BACKTESTS}{kept(world).pk}/").content.decode()

    assert "run by a gate" in text
    assert "Its trades were not kept" in text


def test_the_chart_gets_candles_and_trades_of_the_chosen_days(world, engineer):
    result = result_with_fills(world)
    address = f"{BACKTESTS}{result.pk}/series/"

    whole, none = engineer.get(address).json(), engineer.get(address, {"since": "2024-01-05"}).json()

    assert (len(whole["bars"]), whole["bars"][0][1:], whole["marks_total"]) == (10, [60000, 60100, 59900, 60050], 101)
    assert whole["fills"][0]["side"] == "BUY"
    assert (none["bars"], none["fills"]) == ([], [])
    assert engineer.get(address, {"since": "junk", "until": "99999-01-01"}).status_code == 200


def test_two_are_shown_side_by_side(world, engineer):
    first, second = kept(world), kept(world, seed=9, metrics={"total_return": "0.25", "fill_count": 1})
    address = f"{BACKTESTS}{first.pk}/compare/"

    assert "Choose the second backtest" in engineer.get(address).content.decode()
    text = engineer.get(address, {"with": second.pk}).content.decode()

    for shown in ("they differ in seed", "10.00 %", "25.00 %", "15.00 %", "first-points", "second-points"):
        assert shown in text, shown
    assert engineer.get(address, {"with": world.other.backtest.pk}).status_code == 404


def test_exports_give_every_trade_and_the_curve(world, engineer):
    result = result_with_fills(world)

    trades = b"".join(engineer.get(f"{BACKTESTS}{result.pk}/trades.csv").streaming_content).splitlines()
    equity = b"".join(engineer.get(f"{BACKTESTS}{result.pk}/equity.csv").streaming_content).splitlines()

    assert (len(trades), len(equity)) == (102, 4)


def test_another_desks_backtest_does_not_exist(world, engineer):
    for backtest in (world.other.backtest, world.other.backtest_run):
        assert engineer.get(f"{BACKTESTS}{backtest.pk}/").status_code == 404
    assert Backtest.objects.filter(pk=world.other.backtest.pk).exists()
