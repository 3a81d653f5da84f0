"""Safeguards at the venue's door and at the door for signals."""

from tests.mutation.safeguard import Safeguard

GUARD = "apps/venues/adapters/guard.py"
VERIFICATION = "apps/execution/signals/rules/verification.py"
RECEPTION = "apps/execution/signals/services/reception.py"
ENDPOINTS = "tests/contracts/test_endpoints.py::"
BREAKER = "tests/venues/test_breaker.py::"
SIGNED = "tests/signals/test_verification.py::"
RECEIVE = "tests/signals/test_receive.py::"

SAFEGUARDS = (
    Safeguard(
        "no-call-in-a-transaction",
        "No venue is called inside a transaction of ours.",
        GUARD,
        "        if connection.in_atomic_block:\n",
        "        if False:\n",
        ("tests/venues/test_adapters.py::test_a_call_inside_a_transaction_is_a_programming_error",),
    ),
    Safeguard(
        "call-budget",
        "Every call takes a token of the account's budget.",
        GUARD,
        "        budget.spend(self._account.pk, self._adapter.capabilities().requests_per_minute, call.priority)\n",
        "",
        (f"{BREAKER}test_each_call_of_the_guard_takes_a_token_of_its_kind",),
    ),
    Safeguard(
        "circuit-breaker",
        "What opens is not tried at a venue that does not answer.",
        GUARD,
        "        if not call.passes_outage and breaker.is_open(self._venue):\n",
        "        if False:\n",
        (f"{BREAKER}test_what_opens_is_not_tried_while_it_is_open",),
    ),
    Safeguard(
        "strange-errors-are-no-answer",
        "Whatever an adapter raises leaves open what became of the call.",
        GUARD,
        "            raise failure from error\n",
        "            raise\n",
        ("tests/venues/test_adapters.py::test_whatever_an_adapter_raises_is_no_answer",),
    ),
    Safeguard(
        "reports-are-kept",
        "The venue's raw report of a booked trade is kept.",
        "apps/execution/services/books.py",
        "        _keep_report(account, row, trade, listing)\n        _fill(row, trade)\n",
        "        _fill(row, trade)\n",
        ("tests/execution/test_reports.py::test_the_report_of_a_booked_trade_is_kept_once_however_often_it_is_listed",),
    ),
    Safeguard(
        "account-and-venue-agree",
        "An account and its venue agree about real money at every use.",
        "apps/venues/services.py",
        "    if mode != venue.mode:\n",
        "    if False:\n",
        ("tests/venues/test_adapters.py::test_the_mode_is_checked_again_at_every_use",),
    ),
    Safeguard(
        "settings-name-no-endpoint",
        "A venue's settings lead nowhere but to a stand-in on this machine, for paper accounts.",
        "apps/venues/endpoints.py",
        "    if not (is_local and settings.DEMO_ALLOWED and account.mode == Mode.PAPER):\n",
        "    if False:\n",
        (
            f"{ENDPOINTS}test_settings_cannot_point_a_paper_account_anywhere_but_here",
            f"{ENDPOINTS}test_a_stand_in_is_for_paper_accounts_in_development_only",
        ),
    ),
    Safeguard(
        "keys-of-one-mode",
        "Keys, account and venue are of one mode.",
        "apps/venues/keys.py",
        '    if not content["mode"] == account.mode == account.venue.mode:\n',
        "    if False:\n",
        (f"{ENDPOINTS}test_keys_account_and_venue_must_be_of_one_mode",),
    ),
    Safeguard(
        "keys-for-the-owner-alone",
        "Keys that others can read open nothing.",
        "apps/venues/keys.py",
        "        if not stat.S_ISREG(mode) or mode & 0o077:\n",
        "        if not stat.S_ISREG(mode):\n",
        (f"{ENDPOINTS}test_keys_that_others_can_read_are_refused",),
    ),
    Safeguard(
        "signal-signature",
        "A message counts only under the signature of one of the source's keys.",
        VERIFICATION,
        "    if not _is_signed(content, headers.signature, keys):\n",
        "    if False:\n",
        (f"{SIGNED}test_a_changed_body_is_refused", f"{SIGNED}test_another_key_is_refused"),
    ),
    Safeguard(
        "signal-timestamp",
        "A message whose time is far from ours is refused.",
        VERIFICATION,
        "    if abs(now.timestamp() - sent_s) > TOLERANCE_S:\n",
        "    if False:\n",
        (f"{SIGNED}test_beyond_the_tolerance_it_is_stale",),
    ),
    Safeguard(
        "signal-replay",
        "The same message again gets the stored answer and orders nothing.",
        RECEPTION,
        "    if known is not None:\n",
        "    if False:\n",
        (f"{RECEIVE}test_the_same_message_again_gets_the_same_answer_and_no_order",),
    ),
    Safeguard(
        "signal-id-names-one-body",
        "Another body under a known id is refused.",
        RECEPTION,
        "        if known.body_digest != message.digest:\n",
        "        if False:\n",
        (f"{RECEIVE}test_the_same_id_with_another_body_is_refused",),
    ),
    Safeguard(
        "signal-rate",
        "A source sends so many messages a minute and no more.",
        RECEPTION,
        "    if rate.count >= source.messages_per_minute:\n",
        "    if False:\n",
        (f"{RECEIVE}test_a_source_has_so_many_messages_a_minute",),
    ),
    Safeguard(
        "signal-source-as-consented",
        "A source trades only as the second person saw it.",
        RECEPTION,
        "        and consent.digest == sources.source_digest(source)\n",
        "",
        ("tests/signals/test_sources.py::test_what_changed_after_the_consent_does_not_trade",),
    ),
    Safeguard(
        "extended-hours-matching",
        "Outside the regular session the simulated venue fills only orders that ask for it.",
        "sdk/src/quarterdeck/simulator.py",
        "    if bar.is_extended and not order.extended_hours:\n",
        "    if False:\n",
        (
            "tests/sdk/test_simulator.py::test_outside_the_session_only_orders_that_ask_for_it_trade",
            "tests/venues/test_paper_extended.py::test_after_the_close_only_orders_that_ask_for_it_trade",
        ),
    ),
    Safeguard(
        "extended-hours-declared",
        "Extended hours are asked of no venue that was not declared to have them.",
        "apps/venues/wire.py",
        '        "extended hours": can.has_extended_hours or not request.is_extended_hours,\n',
        "",
        ("tests/venues/test_adapters.py::test_a_venue_that_declares_no_extended_hours_is_not_asked_for_them",),
    ),
)
