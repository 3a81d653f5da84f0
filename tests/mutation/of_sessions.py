"""Safeguards around bots that run elsewhere: their sessions, and the dead-man's policy."""

from tests.mutation.safeguard import Safeguard

ORDERS = "apps/execution/services/orders.py"
SESSIONS = "apps/execution/services/sessions.py"
SESSION_TESTS = "tests/execution/test_sessions.py::"
SILENCE_TESTS = "tests/execution/test_silence.py::"
DEAD_MAN_TESTS = "tests/execution/test_dead_man.py::"

SAFEGUARDS = (
    Safeguard(
        "session-required",
        "A bot that runs elsewhere sends nothing without an open session.",
        ORDERS,
        "    if ticket.by_signal or not is_attached(deployment):\n",
        "    if True:\n",
        (f"{SESSION_TESTS}test_without_an_open_session_nothing_is_sent",),
    ),
    Safeguard(
        "session-epoch",
        "A session of an older epoch sends nothing.",
        ORDERS,
        "    if session.epoch != deployment.epoch:\n",
        "    if False:\n",
        (f"{SESSION_TESTS}test_a_session_of_an_older_epoch_is_fenced",),
    ),
    Safeguard(
        "dead-man-holds",
        "What opens is held when a bot that runs elsewhere falls silent.",
        SESSIONS,
        "        _hold_openings(session)\n",
        "",
        (f"{SESSION_TESTS}test_a_silent_bot_is_held_and_people_are_paged",),
    ),
    Safeguard(
        "dead-man-holds-by-himself",
        "The release of another hold does not bring a silent bot back.",
        SESSIONS,
        "Hold.objects.filter(scope=session.deployment.bot.scope_id, source=HoldSource.DEAD_MAN)",
        "Hold.objects.filter(scope=session.deployment.bot.scope_id)",
        (f"{SESSION_TESTS}test_the_release_of_another_hold_does_not_bring_a_silent_bot_back",),
    ),
    Safeguard(
        "dead-man-cancels",
        "What a silent bot has working to open more is cancelled.",
        SESSIONS,
        "        left = _cancel_openings(session)\n",
        "",
        (f"{SESSION_TESTS}test_a_silent_bots_opening_orders_are_cancelled",),
    ),
    Safeguard(
        "dead-man-keeps-guards",
        "What guards a silent bot's position stays.",
        SESSIONS,
        "own.filter(purpose=Purpose.OPENING, state__in=WORKING)",
        "own.filter(state__in=WORKING)",
        (f"{SESSION_TESTS}test_a_silent_bots_protective_orders_and_exits_stay",),
    ),
    Safeguard(
        "dead-man-doubts-itself",
        "When many bots fall silent at once nothing is held: the fault is ours.",
        SESSIONS,
        "    return len(silent) >= MANY and len(silent) >= MANY_SHARE * len(known)\n",
        "    return False\n",
        (f"{SILENCE_TESTS}test_many_of_several_desks_at_once_are_our_fault_and_nothing_is_held",),
    ),
    Safeguard(
        "dead-man-hears-no-single-desk",
        "What another desk loses does not switch off the dead-man of this one.",
        SESSIONS,
        " and all(_are_many(_besides(silent, one), _besides(known, one)) for one in others)\n",
        "\n",
        (
            f"{SILENCE_TESTS}test_one_desk_cannot_switch_off_the_dead_man_of_another",
            f"{SILENCE_TESTS}test_nothing_that_one_other_desk_does_makes_it_our_fault",
        ),
    ),
    Safeguard(
        "one-desk-is-not-the-firm",
        "What one desk alone loses is not our fault where others are heard.",
        SESSIONS,
        "    if len(set(silent.values())) < min(2, len(set(known.values()))):\n",
        "    if False:\n",
        (f"{SILENCE_TESTS}test_what_one_desk_loses_is_not_our_fault_where_others_are_heard",),
    ),
    Safeguard(
        "only-who-lived-tells",
        "Sessions that are opened to be lost do not make a silence our fault.",
        SESSIONS,
        'sessions.filter(heartbeat_at__gt=F("created_at") + LIVED)',
        "sessions",
        (f"{SILENCE_TESTS}test_sessions_that_are_opened_to_be_lost_tell_nothing",),
    ),
    Safeguard(
        "refused-is-not-silent",
        "A bot whose deployment was paused or moved on is not held as a silent one.",
        SESSIONS,
        "    if _is_fenced(session) and not _is_taken_up(session):\n",
        "    if False:\n",
        (f"{SILENCE_TESTS}test_a_bot_whose_deployment_moved_on_is_not_silent",),
    ),
    Safeguard(
        "refused-are-not-among-many",
        "Bots whose deployments moved on do not make another's silence our fault.",
        SESSIONS,
        '        epoch=F("deployment__epoch"),\n        deployment__desired=Desired.RUNNING,\n',
        "",
        (f"{SILENCE_TESTS}test_bots_whose_deployments_moved_on_are_not_among_many",),
    ),
    Safeguard(
        "dead-man-holds-once",
        "The dead-man places no second hold while one of his stands, whoever looked at once.",
        SESSIONS,
        "            unless_held=HoldSource.DEAD_MAN,\n",
        "",
        (f"{DEAD_MAN_TESTS}test_two_that_looked_before_either_had_held_place_one_hold",),
    ),
    Safeguard(
        "dead-man-ends-what-he-began",
        "A bot that was held stays lost by itself, though many are silent when its cancel is repeated.",
        SESSIONS,
        "is_ours and not _is_held(session)\n",
        "is_ours\n",
        (f"{DEAD_MAN_TESTS}test_a_policy_that_has_begun_goes_on_though_many_are_silent_by_then",),
    ),
    Safeguard(
        "old-losses-are-not-at-once",
        "A bot held long ago, whose cancel still fails, is not silent at once with others.",
        SESSIONS,
        "        ~_lost_before(),\n",
        "",
        (f"{DEAD_MAN_TESTS}test_a_loss_of_long_ago_is_not_at_once_though_a_cancel_is_left",),
    ),
    Safeguard(
        "losses-ahead-are-not-just-now",
        "Losses that the clock has put ahead do not make a silence our fault.",
        SESSIONS,
        "ended_at__range=(now - AT_ONCE, now + CLOCK_SKEW)",
        "ended_at__gte=now - AT_ONCE",
        (f"{SILENCE_TESTS}test_losses_that_the_clock_has_put_ahead_are_not_just_now",),
    ),
    Safeguard(
        "released-holds-ahead-hold-nothing",
        "A released hold that the clock has put ahead does not stand in for the hold of a new loss.",
        SESSIONS,
        "created_at__range=(since, wall_now() + CLOCK_SKEW)",
        "created_at__gte=since",
        (f"{DEAD_MAN_TESTS}test_once_it_was_released_the_next_loss_is_held_anew",),
    ),
)
