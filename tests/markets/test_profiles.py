"""What a profile finds in bars: gaps, outliers, bars without volume, flat stretches."""

from decimal import Decimal
from random import Random
from statistics import median

from hypothesis import given
from hypothesis import strategies as st
from quarterdeck.events import Bar

from apps.markets.profiles import LISTED_MAX, POINTS_MAX, RUN_BARS_MIN, Profiler, robust_z
from tests.markets.builders import HOUR_MS, MARKET_START_MS

FRIDAY_21H, SUNDAY_22H = 1_704_488_400_000, 1_704_664_800_000


def bar(start_ms: int, close: str = "100", volume: str = "1", high: str | None = None) -> Bar:
    price = Decimal(close)
    top = Decimal(high) if high else price
    return Bar("BTC-USD", start_ms, start_ms + HOUR_MS, price, top, price, price, Decimal(volume))


def profile(*bars: Bar, calendar: str = "24/7") -> Profiler:
    profiler = Profiler(HOUR_MS, calendar)
    for one in bars:
        profiler.take(one)
    return profiler


def hours(*closes: str, volume: str = "1") -> list[Bar]:
    return [bar(MARKET_START_MS + n * HOUR_MS, close, volume) for n, close in enumerate(closes)]


def quiet(count: int) -> list[str]:
    """Closes near 100, drawn from a bell curve."""
    drawn = Random(7)
    return [f"{drawn.gauss(100, 0.5):.4f}" for _ in range(count)]


def test_a_gap_is_listed_with_its_bounds_and_the_bars_it_lacks() -> None:
    first, last = hours("100", "100", "100", "100")[::3]

    found = profile(first, last)

    assert found.fields()["gaps"] == [[first.end_ms, last.start_ms, 2, True]]
    assert (found.missing, found.rows) == (2, 2)


def test_a_closed_session_is_a_gap_that_lacks_nothing() -> None:
    bars = [bar(FRIDAY_21H), bar(SUNDAY_22H), bar(SUNDAY_22H + 3 * HOUR_MS)]

    found = profile(*bars, calendar="24/5")

    assert found.fields()["gaps"] == [
        [FRIDAY_21H + HOUR_MS, SUNDAY_22H, 0, False],
        [SUNDAY_22H + HOUR_MS, SUNDAY_22H + 3 * HOUR_MS, 2, True],
    ]
    assert found.missing == 2


def test_of_very_many_gaps_those_in_open_sessions_are_listed_and_all_are_counted() -> None:
    week = 168 * HOUR_MS
    closed = [bar(start + week * n) for n in range(LISTED_MAX + 10) for start in (FRIDAY_21H, SUNDAY_22H)]

    fields = profile(*closed, calendar="24/5").fields()

    assert fields["gap_count"] == len(closed) - 1
    assert len(fields["gaps"]) == LISTED_MAX
    assert all(was_open for *_, was_open in fields["gaps"])


def test_a_jump_among_quiet_bars_is_an_outlier_and_a_quiet_one_is_not() -> None:
    closes = quiet(60)
    closes[30] = "180"

    outliers = profile(*hours(*closes)).fields()["outliers"]

    assert [row[1] for row in outliers] == [float(closes[31]), 180.0]


def test_a_spike_in_prices_that_never_move_is_an_outlier_too() -> None:
    closes = ["100"] * 40 + ["150"] + ["150"] * 40

    assert [row[1] for row in profile(*hours(*closes)).fields()["outliers"]] == [150.0]


def test_a_move_over_a_gap_is_no_outlier() -> None:
    bars = hours(*quiet(40))
    after = bar(bars[-1].end_ms + 100 * HOUR_MS, "500")

    assert profile(*bars, after).fields()["outlier_count"] == 0


def test_stretches_without_volume_and_at_one_price_are_listed_from_three_bars_on() -> None:
    bars = [*hours("100", "101", volume="0"), *hours("1", "1", "1", "1", volume="0")[2:]]
    bars = [one._replace(start_ms=MARKET_START_MS + n * HOUR_MS, end_ms=MARKET_START_MS + (n + 1) * HOUR_MS)
            for n, one in enumerate(bars)]  # fmt: skip

    fields = profile(*bars, *[bar(MARKET_START_MS + n * HOUR_MS, str(n)) for n in (4, 5)]).fields()

    assert fields["idle_runs"] == [[MARKET_START_MS, MARKET_START_MS + 4 * HOUR_MS, 4]]
    assert (fields["flat_count"], RUN_BARS_MIN) == (0, 3)


def test_one_price_for_long_is_a_flat_stretch() -> None:
    fields = profile(*hours("100", "100", "100", "101")).fields()

    assert fields["flat_runs"] == [[MARKET_START_MS, MARKET_START_MS + 3 * HOUR_MS, 3]]


def test_the_line_that_is_drawn_keeps_highest_and_lowest() -> None:
    closes = [str(100 + n % 7) for n in range(5_000)]
    closes[1_234], closes[4_321] = "900", "1"

    points = profile(*hours(*closes)).fields()["points"]

    assert len(points) <= POINTS_MAX + 1
    assert {900.0, 1.0} <= {close for _, close in points}
    assert points == sorted(points)


@given(st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=50))
def test_a_score_is_above_zero_exactly_above_the_median(values: list[int]) -> None:
    middle = median(values)

    for value, score in zip(values, robust_z(values), strict=True):
        assert (score > 0, score < 0) == (value > middle, value < middle)
