"""Reading prices, and that the frozen ones are what their provenance says."""

import hashlib
import re
from decimal import Decimal
from pathlib import Path

import pytest
from quarterdeck.bars import INTERVAL_MS, parse_bars, read_bars

DATA = Path(__file__).resolve().parents[2] / "data"
HEADER = "timestamp,open,high,low,close,volume"
GOOD = "2017-07-01T11:00:00Z,100,110,90,105,7"


def parse(*lines):
    return list(parse_bars([HEADER, *lines], "BTC-USD", INTERVAL_MS["1h"]))


def test_reads_a_bar_with_exact_prices():
    [bar] = parse("2017-07-01T11:00:00Z,2505.56,2513.38,2495.12,2509.17,114.6")

    assert (bar.start_ms, bar.end_ms) == (1_498_906_800_000, 1_498_910_400_000)
    assert (bar.open, bar.volume) == (Decimal("2505.56"), Decimal("114.6"))


def test_reads_a_volume_with_an_exponent():
    [bar] = parse("2017-07-01T11:00:00Z,100,110,90,105,1.00532E+11")

    assert str(bar.volume) == "100532000000"


@pytest.mark.parametrize(
    "line",
    [
        "2017-07-01T11:00:00Z,NaN,110,90,105,7",
        "2017-07-01T11:00:00Z,100,99,90,105,7",
        "2017-07-01T11:00:00Z,100,110,101,105,7",
        "2017-07-01T11:00:00Z,0,110,0,105,7",
        "2017-07-01T11:00:00Z,100,110,90,105,-7",
        "2017-07-01T11:00:00,100,110,90,105,7",
        "2017-07-01T11:00:00Z,100,110,90,105",
        "yesterday,100,110,90,105,7",
    ],
)
def test_names_the_line_that_cannot_be(line):
    with pytest.raises(ValueError, match="line 3"):
        parse("2017-07-01T10:00:00Z,100,110,90,105,7", line)


def test_refuses_bars_out_of_order():
    with pytest.raises(ValueError, match="overlaps"):
        parse(GOOD, GOOD)


def test_refuses_other_columns():
    with pytest.raises(ValueError, match="line 1"):
        list(parse_bars(["time,price"], "BTC-USD", 1))


def test_frozen_files_match_their_provenance():
    readme = (DATA / "README.md").read_text()
    told = dict(re.findall(r"\| (\w+\.csv) \|.*?`([0-9a-f]{64})`", readme))

    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DATA.glob("*.csv")}


@pytest.mark.parametrize(("name", "count"), [("btcusd_1h.csv", 20_111), ("eurusd_1h.csv", 6_225)])
def test_frozen_files_read_whole(name, count):
    assert len(read_bars(DATA / name, "X", INTERVAL_MS["1h"])) == count
