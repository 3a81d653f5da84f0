"""The market clock as a pure function."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from apps.markets import calendars, rules

WALL = 1_772_000_000_000
MARKET = 1_704_067_200_000
HOUR = 3_600_000
CLOCK = rules.Clock(
    wall_anchor_ms=WALL,
    market_anchor_ms=MARKET,
    speed=3600,
    ticked_at_ms=WALL,
    stalled_at_ms=None,
    ends_at_ms=MARKET + 1000 * HOUR,
)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def test_market_time_runs_at_its_speed() -> None:
    assert rules.market_time(CLOCK, WALL + 2_500) == MARKET + 2_500 * 3600


def test_without_ticks_market_time_stops_after_the_grace() -> None:
    grace = rules.TICK_GRACE_MS

    assert rules.market_time(CLOCK, WALL + 10 * grace) == MARKET + grace * 3600


def test_a_tick_after_a_pause_goes_on_where_it_stopped() -> None:
    stopped = rules.market_time(CLOCK, WALL + 3_600_000)

    resumed = rules.tick(CLOCK, WALL + 3_600_000)

    assert rules.market_time(resumed, WALL + 3_600_000) == stopped
    assert rules.market_time(resumed, WALL + 3_601_000) == stopped + 1_000 * 3600


def test_regular_ticks_leave_the_anchor_alone() -> None:
    ticked = rules.tick(CLOCK, WALL + 1_000)

    assert ticked == replace(CLOCK, ticked_at_ms=WALL + 1_000)


def test_a_stalled_clock_stands_still_and_resumes_from_there() -> None:
    stalled = rules.stall(CLOCK, WALL + 1_000)

    resumed = rules.resume(rules.tick(stalled, WALL + 9_000), WALL + 60_000)

    assert rules.market_time(stalled, WALL + 60_000) == MARKET + 1_000 * 3600
    assert rules.market_time(resumed, WALL + 60_500) == MARKET + 1_500 * 3600


def test_market_time_ends_with_the_data() -> None:
    short = replace(CLOCK, ends_at_ms=MARKET + HOUR)

    assert rules.market_time(short, WALL + 4_000) == MARKET + HOUR


def test_the_due_time_of_a_bar_is_when_market_time_reaches_it() -> None:
    due = rules.due_at(CLOCK, WALL + 100, MARKET + HOUR)

    assert due == WALL + 1_000
    assert rules.market_time(CLOCK, due) == MARKET + HOUR


@given(
    steps=st.lists(
        st.tuples(
            st.integers(min_value=-30_000, max_value=60_000),
            st.sampled_from(["read", "tick", "stall", "resume"]),
        ),
        max_size=40,
    ),
    speed=st.integers(min_value=1, max_value=100_000),
)
def test_market_time_never_runs_back(steps: list[tuple[int, str]], speed: int) -> None:
    """An act changes nothing at its moment, and nothing later, a wall clock set back included, undoes it."""
    clock, wall, seen = replace(CLOCK, speed=speed), WALL, MARKET
    for step, act in steps:
        wall += step
        before = rules.market_time(clock, wall)
        assert before >= seen
        after_act = act_on(clock, act, wall)
        assert rules.market_time(after_act, wall) == before
        if after_act != clock:
            seen = before
        clock = after_act


def act_on(clock: rules.Clock, act: str, wall: int) -> rules.Clock:
    if act == "tick":
        return rules.tick(clock, wall)
    if act == "stall" and clock.stalled_at_ms is None:
        return rules.stall(clock, wall)
    if act == "resume" and clock.stalled_at_ms is not None:
        return rules.resume(clock, wall)
    return clock


def test_a_feed_on_schedule_has_no_lag() -> None:
    assert rules.lag(CLOCK, WALL + 1_500, MARKET + HOUR, HOUR, "24/7") == 0


def test_the_lag_of_a_stalled_feed_grows_in_wall_time() -> None:
    stalled = rules.stall(CLOCK, WALL + 1_000)

    assert rules.lag(stalled, WALL + 31_000, MARKET + HOUR, HOUR, "24/7") == 30_000


def test_the_lag_grows_while_nobody_ticks() -> None:
    lag = rules.lag(CLOCK, WALL + rules.TICK_GRACE_MS + 7_000, MARKET + 5 * HOUR, HOUR, "24/7")

    assert lag == 7_000


def test_the_lag_of_an_ended_feed_grows() -> None:
    ended = rules.tick(replace(CLOCK, ends_at_ms=MARKET + HOUR), WALL + 3_600_000)

    assert rules.lag(ended, WALL + 3_600_000, MARKET + HOUR, HOUR, "24/7") == 3_599_000


def test_a_missing_bar_is_a_lag_of_its_overdue_time_by_the_speed() -> None:
    assert rules.lag(CLOCK, WALL + 4_000, MARKET + HOUR, HOUR, "24/7") == 2_000


def test_a_weekend_is_no_lag_in_a_24_5_session() -> None:
    friday_close, sunday_late = ms("2024-01-05T22:00:00"), ms("2024-01-07T22:30:00")
    clock = replace(CLOCK, market_anchor_ms=sunday_late, ends_at_ms=sunday_late + HOUR)

    assert rules.lag(clock, WALL, friday_close, HOUR, "24/5") == 0
    assert rules.lag(clock, WALL, friday_close, HOUR, "24/7") > 0


def test_the_fx_week_keeps_new_york_hours_across_daylight_saving() -> None:
    assert calendars.open_ms("24/5", ms("2024-01-05T22:00:00"), ms("2024-01-07T22:00:00")) == 0
    assert calendars.open_ms("24/5", ms("2024-07-05T21:00:00"), ms("2024-07-07T21:00:00")) == 0
    assert calendars.open_ms("24/5", ms("2024-03-08T21:00:00"), ms("2024-03-10T22:00:00")) == 2 * HOUR
    assert calendars.open_ms("24/5", ms("2024-01-08T00:00:00"), ms("2024-01-13T00:00:00")) == 118 * HOUR
