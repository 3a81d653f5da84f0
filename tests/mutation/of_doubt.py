"""Safeguards around answers that do not come, and around our books."""

from tests.mutation.safeguard import Safeguard

SUBMISSION = "apps/execution/services/submission.py"
BOOKS = "apps/execution/services/books.py"
LEDGER = "apps/execution/services/ledger.py"
DOUBTS = "apps/execution/services/doubts.py"
SETTLING = "apps/execution/services/settling.py"
ORDERS = "apps/execution/services/orders.py"
NO_ANSWER = "tests/execution/test_no_answer.py::"
NO_LOOKUP = "tests/execution/test_no_lookup.py::"
REFUSED = "tests/execution/test_cancel_refused.py::"

SAFEGUARDS = (
    Safeguard(
        "no-answer-is-unknown",
        "A send without an answer leaves the order UNKNOWN and reserved, never given up or sent again.",
        SUBMISSION,
        "    except NoAnswer as error:\n        _unknown(order, error.message)\n",
        "    except NoAnswer as error:\n        _close(order, OrderState.NOT_SENT, [error.code], error.message)\n",
        (f"{NO_ANSWER}test_a_lost_reply_leaves_the_order_unknown_and_reserved",),
    ),
    Safeguard(
        "doubt-outlives-the-call",
        "An order that the venue does not know is given up only after it cannot arrive any more.",
        SUBMISSION,
        "    elif permits.could_still_arrive(order):\n",
        "    elif False:\n",
        (f"{NO_ANSWER}test_an_unknown_order_is_given_up_only_after_it_cannot_arrive_any_more",),
    ),
    Safeguard(
        "only-an-answer-ends-doubt",
        "A lookup without an answer decides nothing.",
        SUBMISSION,
        "        claims.settle(order, due_in_s=_look_again_s(order))\n        return\n    if found is not None:\n",
        "        found = None\n    if found is not None:\n",
        (f"{NO_ANSWER}test_a_lookup_without_an_answer_decides_nothing",),
    ),
    Safeguard(
        "only-the-lease-sends",
        "A worker whose lease was taken gives no permit and gives nothing up.",
        "apps/common/claims.py",
        "    return fresh.lease_owner == row.lease_owner and fresh.attempts == row.attempts\n",
        "    return True\n",
        ("tests/execution/test_cycle_faults.py::test_a_worker_that_lost_its_lease_commits_nothing",),
    ),
    Safeguard(
        "leases-exclude",
        "A row that somebody works on is claimed by nobody else.",
        "apps/common/claims.py",
        "rows.filter(free, due_at__lte=now)",
        "rows.filter(due_at__lte=now)",
        ("tests/execution/test_claims.py::test_a_leased_row_is_not_claimed",),
    ),
    Safeguard(
        "desk-settles-by-two",
        "What frees the reservation of an order in doubt takes a second person.",
        SETTLING,
        "        if outcome == SettleOutcome.ACCEPTED:\n            _apply(asked, row, reason)\n",
        "        if True:\n            _apply(asked, row, reason)\n",
        ("tests/execution/test_settling.py::test_what_frees_the_reservation_takes_a_second_person",),
    ),
    Safeguard(
        "unlisted-goes-before-people",
        "An order that ends unseen at a venue without lookup is put before people.",
        BOOKS,
        "        doubts.compare(account, still_open, asked_at=asked_at)\n",
        "        pass\n",
        (f"{NO_LOOKUP}test_an_order_missing_from_two_lists_in_a_row_goes_before_people_and_stays_reserved",),
    ),
    Safeguard(
        "refused-cancels-reach-people",
        "A cancel that the venue goes on refusing is put before people.",
        SUBMISSION,
        "        if refusals >= CANCEL_TRIES:\n",
        "        if False:\n",
        (f"{NO_LOOKUP}test_a_refused_cancel_goes_before_people_and_is_asked_for_ever_more_rarely",),
    ),
    Safeguard(
        "late-arrivals-are-found",
        "An order that arrives after it was given up is counted again and cancelled.",
        BOOKS,
        "    for order in _given_up(account, still_open, asked_at):\n",
        "    for order in list[Order]():\n",
        (f"{NO_ANSWER}test_an_order_that_arrives_after_it_was_given_up_is_cancelled_at_the_venue_and_alerted",),
    ),
    Safeguard(
        "settled-but-open-is-found",
        "An order that people settled as ended and the venue lists as open works again, and people are told.",
        BOOKS,
        " | Q(state__in=ENDED.values(), codes=[doubts.SETTLED])\n",
        "\n",
        (
            "tests/execution/test_open_after_all.py"
            "::test_what_people_settled_and_the_venue_lists_works_again_and_people_are_told",
        ),
    ),
    Safeguard(
        "settled-after-the-list-stays",
        "A list that was asked for before the settlement refutes nothing.",
        BOOKS,
        ".exclude(settlements__applied_at__gte=asked_at)",
        "",
        ("tests/execution/test_open_after_all.py::test_a_list_from_before_the_settlement_does_not_refute_it",),
    ),
    Safeguard(
        "a-fill-that-ends-doubt-lets-the-cancel-go",
        "A cancel that was asked for in doubt is sent once a fill has shown that the order works there.",
        BOOKS,
        "    if was_unheard and row.state not in TERMINAL:\n",
        "    if False:\n",
        (f"{NO_LOOKUP}test_a_cancel_that_was_asked_for_in_doubt_is_sent_once_a_part_has_filled",),
    ),
    Safeguard(
        "a-settlement-ends-with-its-doubt",
        "What was said in one doubt about an order is not voted on in another.",
        DOUBTS,
        "    _void(row, reason)\n",
        "",
        (f"{NO_LOOKUP}test_what_was_said_in_one_doubt_is_no_answer_to_the_next",),
    ),
    Safeguard(
        "a-settlement-covers-the-state",
        "Who agrees to what became of an order agrees to it in the state that was seen.",
        SETTLING,
        '            "state": order.state,\n',
        "",
        (f"{NO_LOOKUP}test_a_vote_on_an_order_that_has_moved_on_is_refused",),
    ),
    Safeguard(
        "what-is-open-has-not-ended",
        "Nobody states that an order has ended while the venue, asked about it, says that it is open.",
        SETTLING,
        "    if outcome != SettleOutcome.ACCEPTED and doubts.says_open(row):\n",
        "    if False:\n",
        (
            f"{REFUSED}test_what_the_venue_calls_open_has_not_ended_whoever_says_so",
            f"{REFUSED}test_a_vote_that_the_venue_has_refuted_meanwhile_is_refused",
        ),
    ),
    Safeguard(
        "refused-cancels-free-nothing",
        "A refused cancel of what the venue calls open is tried again and frees nothing.",
        SUBMISSION,
        "    if found is None or found.state == VenueOrderState.OPEN:\n",
        "    if found is None:\n",
        (
            f"{REFUSED}test_a_refused_cancel_of_what_may_be_open_is_asked_for_ever_more_rarely"
            "_and_goes_before_people_once",
        ),
    ),
    Safeguard(
        "a-person-asks-the-venue-again",
        "A cancel that waits for its next try is sent at once when a person asks again.",
        ORDERS,
        "    return is_person if hold is None else not has_asked(row, hold)\n",
        "    return False if hold is None else not has_asked(row, hold)\n",
        (f"{REFUSED}test_a_person_who_asks_again_has_the_venue_asked_now",),
    ),
    Safeguard(
        "a-drain-asks-the-venue-again",
        "A new drain sends a cancel that waits for its next try at once.",
        "apps/execution/services/draining.py",
        "    return order.cancel_requested and (not waits or orders.has_asked(order, hold))\n",
        "    return order.cancel_requested\n",
        (f"{REFUSED}test_a_new_drain_has_the_venue_asked_now_and_once",),
    ),
    Safeguard(
        "messages-of-the-own-account",
        "What a venue says on one account is not shown as being about an order of another.",
        "apps/venues/selectors.py",
        "account_id=account_id, client_order_id=client_order_id.hex",
        "client_order_id=client_order_id.hex",
        (
            "tests/execution/test_messages.py"
            "::test_what_a_venue_reports_on_another_account_under_the_id_is_not_about_the_order",
        ),
    ),
    Safeguard(
        "end-frees-the-reservation",
        "An order that has ended reserves nothing.",
        LEDGER,
        "    reserved = min(order.reserved_quantity, keep) if state in TERMINAL else order.reserved_quantity\n",
        "    reserved = order.reserved_quantity\n",
        ("tests/execution/test_send.py::test_a_rejection_of_the_venue_frees_the_reservation",),
    ),
    Safeguard(
        "reservation-freed-once",
        "What an order reserved is given back once, however it ends.",
        LEDGER,
        "        Order.objects.filter(pk=order.pk).update(reserved_quantity=quantity, unit_base=unit)\n",
        "",
        ("tests/execution/test_books.py::test_exposure_adds_up_at_every_step_of_partial_fills",),
    ),
    Safeguard(
        "trades-booked-once",
        "A trade is booked once, whoever else is booking it.",
        BOOKS,
        "        if Fill.objects.filter(account=account, trade_id=trade.trade_id).exists():\n            return 0\n",
        "",
        ("tests/execution/test_races.py::test_trades_are_booked_once_by_syncs_at_once",),
    ),
    Safeguard(
        "late-listed-trades-are-found",
        "The cursor does not pass a trade that the venue may still list another one behind.",
        BOOKS,
        "known_at is not None and known_at <= wall_now() - LISTED_LATE\n",
        "True\n",
        ("tests/execution/test_anomalies.py::test_a_trade_that_is_listed_behind_the_others_is_still_found",),
    ),
    Safeguard(
        "busted-once",
        "A trade is taken back once.",
        BOOKS,
        "    if original is None or original.corrections.exists():\n",
        "    if original is None:\n",
        ("tests/execution/test_anomalies.py::test_a_trade_is_taken_back_once",),
    ),
    Safeguard(
        "overfill-is-noted",
        "A fill beyond the order's quantity is booked and put before people.",
        BOOKS,
        "    if row.filled_quantity + trade.quantity > _bound(row):\n",
        "    if False:\n",
        ("tests/execution/test_anomalies.py::test_a_fill_beyond_the_quantity_is_booked_and_noted",),
    ),
    Safeguard(
        "journal-is-signed",
        "What the offline tool did is imported only under a trusted signature.",
        "sdk/src/quarterdeck/offline/journal.py",
        '        key.verify(base64.b64decode(str(line.get("signature")), validate=True), str(line["hash"]).encode())\n',
        "        pass\n",
        ("tests/sdk/test_offline_journal.py::test_what_was_tampered_with_is_refused",),
    ),
    Safeguard(
        "journal-key-is-trusted",
        "A journal of a key that is not trusted here changes nothing.",
        "apps/execution/services/offline.py",
        "journal.verified(text, settings.OFFLINE_KEYS, is_whole=is_whole)",
        "[json.loads(written) for written in text.splitlines()]",
        ("tests/execution/test_offline_import.py::test_a_strangers_journal_is_refused",),
    ),
)
