"""The dip buyer, on prices made to fall and come back."""

from pathlib import Path

import pytest
from quarterdeck.testing import Harness

FOLDER = Path(__file__).resolve().parents[1]
HARNESS = Harness.of_folder(FOLDER, lookback_bars=3, drop_bps="100", rise_bps="100", hold_bars_max=5, quantity="1")
CALM = ["100", "100", "100"]
DIP = [*CALM, "98.5", "98", "98.2", "99.5", "100"]


def test_buys_a_dip_and_sells_on_the_recovery():
    run = HARNESS.run(HARNESS.bars(*DIP))

    run.assert_fills(("BUY", "1"), ("SELL", "1"))
    assert run.position == 0


def test_stays_out_while_prices_are_calm():
    HARNESS.run(HARNESS.bars(*CALM, "99.5", "100")).assert_intents()


def test_buys_nothing_before_it_knows_a_high():
    HARNESS.run(HARNESS.bars("100", "90")).assert_intents()


def test_sells_after_the_longest_wait_even_without_a_recovery():
    run = HARNESS.run(HARNESS.bars(*CALM, "98", *["97"] * 8))

    assert [intent.side.value for intent in run.intents][:2] == ["BUY", "SELL"]
    assert run.intents[1].reduce_only


@pytest.mark.parametrize("bars", [HARNESS.bars(*DIP * 10), HARNESS.bars(*CALM, "98", *["97"] * 30)])
def test_neither_a_second_run_nor_a_restart_changes_an_order(bars):
    HARNESS.assert_deterministic(bars)
    HARNESS.assert_slicing_changes_nothing(bars)
    HARNESS.run(bars).assert_no_rejects()
