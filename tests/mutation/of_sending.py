"""Safeguards between a stored order and the venue: permits, fences, holds, exits, guards."""

from tests.mutation.safeguard import Safeguard

PERMITS = "apps/execution/services/permits.py"
SUBMISSION = "apps/execution/services/submission.py"
ORDERS = "apps/execution/services/orders.py"
SESSIONS = "apps/execution/services/sessions.py"
SEND = "tests/execution/test_send.py::"
SESSION_TESTS = "tests/execution/test_sessions.py::"

SAFEGUARDS = (
    Safeguard(
        "hold-at-the-permit",
        "No send permit is given while a hold stands that the order does not pass.",
        PERMITS,
        "    if not rules.passes_holds(row.purpose, row.by_person, state):\n",
        "    if False:\n",
        (f"{SEND}test_a_hold_placed_before_the_permit_denies",),
    ),
    Safeguard(
        "permit-under-the-shared-lock",
        "A permit waits for a hold that is being placed, and reads it afterwards.",
        PERMITS,
        "    locks.shared(ledger.scope_ids(order))\n",
        "",
        ("tests/execution/test_races.py::test_a_permit_waits_for_a_hold_that_is_being_placed_and_sees_it",),
    ),
    Safeguard(
        "hold-under-the-exclusive-lock",
        "A hold is latched only after every permit that is being written has committed.",
        "apps/risk/services/holds.py",
        "            locks.exclusive([hold.scope_id])\n            _insert(hold)\n",
        "            _insert(hold)\n",
        ("tests/execution/test_races.py::test_a_hold_waits_for_a_permit_that_is_being_written",),
    ),
    Safeguard(
        "halted-bots-send-nothing",
        "Under HALTED only an authorised person's exit goes out.",
        "apps/risk/rules/standing.py",
        'return purpose == "EXIT" and (by_person or trading_state == REDUCING)',
        'return purpose == "EXIT"',
        ("tests/risk/test_check.py::test_every_hold_against_every_purpose_and_author",),
    ),
    Safeguard(
        "send-before",
        "The venue is not called on a permit that is too old.",
        SUBMISSION,
        "    if permits.is_late(permitted):\n",
        "    if False:\n",
        (f"{SEND}test_a_late_permit_is_not_used",),
    ),
    Safeguard(
        "epoch-fence",
        "An order of an older epoch of its deployment is not sent.",
        PERMITS,
        'if deployment.epoch != row.epoch or deployment.desired != "running":',
        'if deployment.desired != "running":',
        (f"{SEND}test_an_order_of_an_older_epoch_is_not_sent",),
    ),
    Safeguard(
        "paused-sends-nothing",
        "An order of a deployment that does not run is not sent, whatever its epoch.",
        PERMITS,
        ' or deployment.desired != "running":',
        ":",
        (f"{SEND}test_an_order_of_a_deployment_that_does_not_run_is_not_sent_whatever_its_epoch",),
    ),
    Safeguard(
        "build-fence",
        "An order of another build than the deployed one is not sent.",
        PERMITS,
        'return "" if deployment.release.build_id == row.build_id else "BUILD_MISMATCH"',
        'return ""',
        (f"{SEND}test_an_order_of_another_build_is_not_sent",),
    ),
    Safeguard(
        "stale-opening",
        "An opening order that waited too long for a worker is not sent.",
        PERMITS,
        "if row.purpose == Purpose.OPENING and wall_now() - decided_at > OPENING_AGE_MAX:",
        "if False:",
        (f"{SEND}test_an_opening_order_that_waited_too_long_for_a_worker_is_denied",),
    ),
    Safeguard(
        "exit-never-crosses-zero",
        "An exit never takes more than the venue holds.",
        SUBMISSION,
        'return "" if row.quantity <= closable else "EXIT_EXCEEDS_POSITION"',
        'return ""',
        ("tests/execution/test_no_answer.py::test_an_exit_beyond_what_the_venue_holds_is_denied",),
    ),
    Safeguard(
        "exit-needs-the-venues-word",
        "An exit is not sent until the venue has said what it holds.",
        SUBMISSION,
        "    except NoAnswer as error:\n        if wall_now() - order.created_at > CONFIRM_WITHIN:\n",
        "    except NoAnswer as error:\n"
        '        return Held(order.quantity if order.side == "SELL" else -order.quantity, asked_at)\n'
        "        if wall_now() - order.created_at > CONFIRM_WITHIN:\n",
        ("tests/execution/test_no_answer.py::test_an_exit_that_the_venue_does_not_confirm_waits_and_is_not_sent",),
    ),
    Safeguard(
        "replace-needs-a-permit",
        "New terms pass holds and fences again before they are sent.",
        "apps/execution/services/replacing.py",
        "        refusal = permits.refusal(row, deployment, state, decided_at=asked_at)\n",
        '        refusal = ""\n',
        ("tests/execution/test_replace_at_venue.py::test_a_hold_that_comes_first_leaves_the_old_terms",),
    ),
    Safeguard(
        "protective-is-guarded",
        "Nobody cancels a protective order while a hold stands.",
        ORDERS,
        "if row.purpose == Purpose.PROTECTIVE and risk_state.trading_state(ledger.scope_ids(row))[1]:",
        "if False:",
        ("tests/execution/test_cancel.py::test_a_protective_order_is_guarded_while_a_hold_stands",),
    ),
    Safeguard(
        "halt-keeps-protective",
        "A halt cancels what opens and leaves what guards, unless all is said.",
        "apps/execution/selectors.py",
        "    purposes = Q(purpose=Purpose.OPENING)\n",
        "    purposes = Q(purpose__in=Purpose.values)\n",
        ("tests/execution/test_drain_hold.py::test_opening_orders_go_and_protective_ones_stay",),
    ),
    Safeguard(
        "drain-never-submits",
        "The drain of a halt sends no order that was not sent before.",
        "apps/execution/services/draining.py",
        "cancel_requested=True).exclude(state=OrderState.INITIALIZED)",
        "state__in=OrderState.values)",
        ("tests/execution/test_drain_here.py::test_an_order_that_cannot_be_cancelled_now_is_not_sent_instead",),
    ),
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
        "    elif risk_state.trading_state(scope.lineage)[0] >= TradingState.REDUCING:\n",
        "    elif True:\n",
        (f"{SESSION_TESTS}test_a_silent_bot_is_held_and_people_are_paged",),
    ),
    Safeguard(
        "dead-man-doubts-itself",
        "When many bots fall silent at once nothing is held: the fault is ours.",
        SESSIONS,
        "    is_ours = len(late) >= MANY and len(late) >= MANY_SHARE * everybody\n",
        "    is_ours = everybody < 0\n",
        (f"{SESSION_TESTS}test_many_that_fall_silent_at_once_are_our_fault_and_nothing_is_held",),
    ),
)
