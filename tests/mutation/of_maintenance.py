"""Safeguards around announced maintenance of venues."""

from tests.mutation.safeguard import Safeguard

SERVICE = "apps/markets/services/maintenance.py"
BREAKER = "apps/venues/breaker.py"
CLOSING = "apps/execution/exits/services/closing.py"
SERVICE_TESTS = "tests/markets/test_maintenance.py::"
GATEWAY_TESTS = "tests/execution/test_maintenance.py::"
OUTAGE_TESTS = "tests/venues/test_expected_outage.py::"
EXIT_TESTS = "tests/exits/test_maintenance.py::"

SAFEGUARDS = (
    Safeguard(
        "nothing-opens-in-maintenance",
        "Nothing opens at a venue that is in announced maintenance.",
        "apps/risk/rules/standing.py",
        "    if window.starts_in_s <= 0:\n",
        "    if False:\n",
        (f"{GATEWAY_TESTS}test_nothing_opens_while_it_runs_and_the_denial_says_until_when",),
    ),
    Safeguard(
        "maintenance-stops-no-exit",
        "What guards or leaves a position is not denied for maintenance.",
        "apps/risk/rules/__init__.py",
        '    if order.purpose == "PROTECTIVE":\n        return found\n',
        '    if order.purpose == "PROTECTIVE":\n'
        "        standing.judge_maintenance(venue, session, found)\n        return found\n",
        (f"{GATEWAY_TESTS}test_a_stop_that_guards_a_position_is_not_denied_for_it",),
    ),
    Safeguard(
        "flat-before-maintenance",
        "A bot that has to be flat by a close opens nothing shortly before maintenance.",
        "apps/risk/rules/standing.py",
        "    elif flat_s is not None and window.starts_in_s <= flat_s:\n",
        "    elif False:\n",
        (f"{GATEWAY_TESTS}test_a_bot_that_has_to_be_flat_opens_nothing_shortly_before_it",),
    ),
    Safeguard(
        "cancelled-windows-keep-nothing",
        "A window that two people cancelled keeps nothing from opening.",
        "apps/execution/standing.py",
        " AND cancelled_at IS NULL\n            AND (instrument_id",
        "\n            AND (instrument_id",
        (f"{GATEWAY_TESTS}test_a_cancelled_window_keeps_nothing",),
    ),
    Safeguard(
        "less-maintenance-needs-two",
        "Nobody alone leaves out any of an announced window.",
        SERVICE,
        "        if not rules.covers(",
        "        if False and not rules.covers(",
        (
            f"{SERVICE_TESTS}test_nobody_alone_makes_it_less",
            "tests/api/test_maintenance_api.py::test_it_is_extended_by_one_person_and_not_shortened",
        ),
    ),
    Safeguard(
        "extending-ends-what-waits",
        "Whoever extends a window ends every wish for less of it.",
        SERVICE,
        "        _void_waiting(row, actor, reason)\n        return _move",
        "        return _move",
        (f"{SERVICE_TESTS}test_extending_it_ends_what_waits",),
    ),
    Safeguard(
        "excuses-are-given-before",
        "Maintenance that is announced during an outage does not excuse it.",
        BREAKER,
        "announced_by=opened_at) is not None",
        "announced_by=now) is not None",
        (f"{OUTAGE_TESTS}test_more_maintenance_that_is_announced_meanwhile_excuses_nothing",),
    ),
    Safeguard(
        "excuses-wear-off",
        "Maintenance excuses an outage for some hours at most.",
        BREAKER,
        "    if now - opened_at > timedelta(hours=EXPECTED_H):\n        return False\n",
        "",
        (f"{OUTAGE_TESTS}test_long_maintenance_excuses_four_hours_of_an_outage",),
    ),
    Safeguard(
        "late-by-the-wall-clock",
        "A bot that is not flat when its venue goes away is told of, though its feed stops too.",
        "apps/execution/exits/services/steps.py",
        "(_is_past_close(row.closes_at, steps) or _is_in_maintenance(row))",
        "_is_past_close(row.closes_at, steps)",
        (f"{EXIT_TESTS}test_people_are_called_by_the_wall_clock_when_the_feed_stops_with_its_venue",),
    ),
    Safeguard(
        "outages-outlast-their-excuse",
        "A venue that is away after its maintenance calls people.",
        BREAKER,
        "            _outlast(venue, row)\n",
        "            pass\n",
        (
            f"{OUTAGE_TESTS}test_when_it_is_over_and_the_venue_is_still_away_people_are_called_once",
            f"{OUTAGE_TESTS}test_what_was_resolved_while_it_ran_keeps_nobody_from_being_called",
        ),
    ),
    Safeguard(
        "flat-bots-leave-before-maintenance",
        "What a flat bot holds is taken out before announced maintenance.",
        CLOSING,
        "        if is_ours and now < window.starts_at <= now + _before(deployment):\n",
        "        if False:\n",
        (f"{EXIT_TESTS}test_the_plan_leaves_the_bot_flat",),
    ),
)
