"""Safeguards around official marks and the day's start that they restate."""

from tests.mutation.safeguard import Safeguard

MARKS = "apps/markets/services/marks.py"
FILES = "apps/markets/services/mark_files.py"
CLOSES = "apps/execution/services/day_closes.py"
BOOKS = "apps/risk/services/exposure.py"
MARK_TESTS = "tests/markets/test_marks.py::"
CLOSE_TESTS = "tests/execution/test_day_closes.py::"
RACES = "tests/execution/test_day_close_races.py::"

SAFEGUARDS = (
    Safeguard(
        "far-marks-need-two",
        "Nobody alone states a mark far from the feed's own price of the day.",
        MARKS,
        "    if rules.departs(said.price, known, settings.MARK_DEPARTS_PCT):\n",
        "    if False:\n",
        (
            f"{MARK_TESTS}test_nobody_alone_states_a_mark_far_from_the_feeds_price",
            f"{MARK_TESTS}test_what_two_agreed_on_is_not_undone_by_one",
        ),
    ),
    Safeguard(
        "first-marks-need-two",
        "Nobody alone states the first mark of what has no price.",
        MARKS,
        "    if known is None:\n        raise",
        "    if known is None:\n        return\n        raise",
        (f"{MARK_TESTS}test_the_first_mark_without_any_price_takes_two",),
    ),
    Safeguard(
        "voters-see-the-furthest",
        "Who votes on a mark sees what it is furthest from, not what it is nearest to.",
        MARKS,
        "    return max(known, key=",
        "    return min(known, key=",
        (f"{MARK_TESTS}test_voters_see_what_a_mark_is_furthest_from",),
    ),
    Safeguard(
        "marks-of-days-that-were",
        "No mark is stated of a day that the market has not reached.",
        MARKS,
        "    if trading_day > reached:\n",
        "    if False:\n",
        (f"{MARK_TESTS}test_a_day_that_is_not_reached_has_no_mark",),
    ),
    Safeguard(
        "files-whole-or-not",
        "A file of marks with a bad line enters nothing.",
        FILES,
        "        read.refuse_trouble()\n",
        "",
        (f"{MARK_TESTS}test_each_bad_line_is_named_and_nothing_is_entered",),
    ),
    Safeguard(
        "modes-are-marked-apart",
        "What goes wrong with the books of one mode leaves those of the other marked.",
        "apps/execution/services/valuing.py",
        '    except Exception as error:\n        log.exception("books.mark_failed", mode=mode.value,',
        '    except Refused as error:\n        log.exception("books.mark_failed", mode=mode.value,',
        ("tests/execution/test_valuing.py::test_what_goes_wrong_with_one_mode_leaves_the_other_marked",),
    ),
    Safeguard(
        "corrections-stay",
        "A worker that is late with an older mark undoes no correction.",
        CLOSES,
        "        if row.mark is not None and row.mark.revision >= mark.revision:\n",
        "        if False:\n",
        (f"{CLOSE_TESTS}test_a_worker_that_is_late_with_an_older_mark_undoes_no_correction",),
    ),
    Safeguard(
        "corrections-by-the-difference",
        "A correction moves a day's start by what it changes, not by all of it again.",
        CLOSES,
        "        moved = amount - row.restated_base\n",
        "        moved = amount\n",
        (f"{CLOSE_TESTS}test_a_mark_counts_once_and_a_correction_by_the_difference",),
    ),
    Safeguard(
        "only-the-present-day-is-restated",
        "A late mark does not move books that have begun another day since.",
        BOOKS,
        "        rows = ScopeBook.objects.filter(scope_id__in=scopes, mode=mode, trading_day=trading_day)\n"
        "        return rows.update(",
        "        rows = ScopeBook.objects.filter(scope_id__in=scopes, mode=mode)\n        return rows.update(",
        (f"{CLOSE_TESTS}test_a_mark_of_a_day_before_the_last_moves_no_books",),
    ),
    Safeguard(
        "closes-look-for-their-mark",
        "A close that is written after its mark was stated finds it.",
        CLOSES,
        "        due_at=wall_now(),\n    )",
        "        due_at=None,\n    )",
        (f"{CLOSE_TESTS}test_a_mark_that_is_known_before_the_turn_counts_from_the_turn_on",),
    ),
    Safeguard(
        "far-marks-restate-nothing",
        "A mark of one person restates nothing that stood far from it.",
        "apps/markets/selectors.py",
        "    return not rules.departs(mark.price, stood_at, settings.MARK_DEPARTS_PCT) or mark.requests.exists()\n",
        "    return True\n",
        (f"{CLOSE_TESTS}test_a_mark_of_one_person_far_from_what_a_day_ended_at_restates_nothing",),
    ),
    Safeguard(
        "days-left-out-are-no-marks",
        "The move of days that were left out is none of the mark before them.",
        CLOSES,
        "    if markets.day_before(instrument, one.day) != ended:\n        return False\n",
        "",
        (f"{CLOSE_TESTS}test_days_that_were_left_out_are_not_restated_by_the_mark_before_them",),
    ),
    Safeguard(
        "traded-since-is-no-marks",
        "What was traded since the boundary is not restated as if it had been held there.",
        CLOSES,
        "    return traded_at is None or markets.trading_day(instrument, traded_at) <= ended\n",
        "    return True\n",
        (f"{CLOSE_TESTS}test_what_was_traded_since_the_boundary_is_not_restated",),
    ),
    Safeguard(
        "positions-turn-with-their-books",
        "No position turns before a book above it.",
        "apps/execution/services/valuing.py",
        "    return [one for one in found if marked.unknown.isdisjoint(ledger.scope_ids(one.deployment))]\n",
        "    return found\n",
        (f"{CLOSE_TESTS}test_a_position_turns_with_all_books_above_it",),
    ),
)
