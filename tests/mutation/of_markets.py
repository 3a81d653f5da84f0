"""Safeguards around what limits are judged with: FX rates and market states."""

from tests.mutation.safeguard import Safeguard

RATES = "apps/markets/services/rates.py"
STATES = "apps/markets/services/market_states.py"
RATE_TESTS = "tests/markets/test_fx_rates.py::"
VOTE_TESTS = "tests/markets/test_rate_votes.py::"
STATE_TESTS = "tests/markets/test_state_votes.py::"
ASKING = "apps/markets/services/asking.py"
MAINTENANCE_TESTS = "tests/markets/test_maintenance.py::"
MARK_TESTS = "tests/markets/test_marks.py::"

SAFEGUARDS = (
    Safeguard(
        "rates-end-soon",
        "No rate holds for longer than a week.",
        RATES,
        "    if valid_until > wall_now() + timedelta(days=days):\n",
        "    if False:\n",
        (f"{RATE_TESTS}test_a_rate_holds_for_the_longest_time_and_no_longer",),
    ),
    Safeguard(
        "far-rates-need-two",
        "Nobody alone enters a rate far from the one that counts.",
        RATES,
        "        if known is not None and rules.departs(",
        "        if False and rules.departs(",
        (
            f"{RATE_TESTS}test_nobody_alone_enters_a_rate_far_from_the_one_that_counts",
            "tests/api/test_market_votes.py::test_neither_a_person_nor_a_machine_enters_it_alone",
        ),
    ),
    Safeguard(
        "first-rates-need-two",
        "Nobody alone enters the first rate of a pair.",
        RATES,
        "    if counts is None:\n        raise",
        "    if False:\n        raise",
        (f"{RATE_TESTS}test_the_first_rate_of_a_pair_takes_two",),
    ),
    Safeguard(
        "small-steps-add-up",
        "Many small steps of a day are measured as one.",
        RATES,
        "    for known in (counts, selectors.settled_rate(base, quote, now)):\n",
        "    for known in (counts,):\n",
        (
            f"{RATE_TESTS}test_many_small_steps_of_one_day_are_measured_as_one",
            f"{RATE_TESTS}test_a_step_that_is_dated_back_is_one_of_this_day_all_the_same",
        ),
    ),
    Safeguard(
        "asked-counts-once-agreed",
        "What takes two people is applied only once its consent is granted.",
        ASKING,
        "    if asked.consent.state != ConsentState.GRANTED:\n        return False\n    access.use_consent(",
        "    if asked.consent.state == ConsentState.GRANTED:\n        access.use_consent(",
        (f"{MAINTENANCE_TESTS}test_a_denial_leaves_it",),
    ),
    Safeguard(
        "machines-do-not-ask",
        "A machine asks for nothing that takes two people.",
        ASKING,
        "    if actor.is_service:\n",
        "    if False:\n",
        (
            f"{VOTE_TESTS}test_a_service_account_neither_asks_nor_votes",
            f"{MAINTENANCE_TESTS}test_no_machine_asks_for_less",
        ),
    ),
    Safeguard(
        "agreed-to-as-seen",
        "What takes two people is applied only instead of what the voters saw.",
        ASKING,
        "    access.use_consent(consent=asked.consent, digest=stands())\n",
        "",
        (
            f"{VOTE_TESTS}test_when_another_rate_has_come_to_count_it_is_asked_for_anew",
            f"{MAINTENANCE_TESTS}test_what_was_changed_meanwhile_is_asked_for_anew",
            f"{MARK_TESTS}test_a_mark_is_agreed_to_only_instead_of_what_was_seen",
        ),
    ),
    Safeguard(
        "rates-end-what-waits",
        "A rate that is entered ends what waits for its pair.",
        RATES,
        "        _check_alone(base, quote, exact)\n        _void_waiting(base, quote, actor, reason)\n",
        "        _check_alone(base, quote, exact)\n",
        (f"{VOTE_TESTS}test_a_rate_that_is_entered_ends_what_waits_for_the_pair",),
    ),
    Safeguard(
        "loosening-needs-two",
        "Nobody alone lets more trade.",
        STATES,
        "        if rules.loosens(said.rule, ground):\n",
        "        if False:\n",
        (
            f"{STATE_TESTS}test_nobody_alone_ends_a_halt",
            f"{STATE_TESTS}test_nobody_alone_widens_a_band",
            f"{STATE_TESTS}test_a_feed_s_own_halt_drops_no_band_that_people_set",
        ),
    ),
    Safeguard(
        "feeds-take-back-their-own",
        "A feed takes back only what it stated itself, under the same source.",
        STATES,
        "    if not is_person and (known.stated_by, known.source) == (actor_text(actor), source):\n",
        "    if not is_person:\n",
        (
            f"{STATE_TESTS}test_a_feed_reopens_nothing_under_another_source",
            f"{STATE_TESTS}test_a_feed_reopens_nothing_that_another_feed_halted",
            f"{STATE_TESTS}test_nobody_alone_ends_a_halt",
        ),
    ),
    Safeguard(
        "halts-end-what-waits",
        "A halt ends every wish to let more trade that was there before it.",
        STATES,
        "        _void_waiting(instrument, actor, reason)\n        return _write",
        "        return _write",
        (f"{STATE_TESTS}test_a_later_halt_ends_what_waits",),
    ),
)
