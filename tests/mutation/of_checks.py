"""Safeguards of the gateway: what is checked before an order is stored, and under which locks."""

from tests.mutation.safeguard import Safeguard

ORDERS = "apps/execution/services/orders.py"
JUDGING = "apps/execution/services/judging.py"
PRICES = "apps/risk/rules/prices.py"
SIZES = "apps/risk/rules/sizes.py"
SUMS = "apps/risk/rules/sums.py"
STANDING = "apps/risk/rules/standing.py"
CHECK = "tests/risk/test_check.py::"
PURPOSES = "tests/risk/test_check_purposes.py::"
GATEWAY = "tests/execution/test_gateway.py::"
PLACE = "tests/execution/test_place.py::"

SAFEGUARDS = (
    Safeguard(
        "check-before-store",
        "An order that the check denies is stored as denied and never due.",
        ORDERS,
        "deployment, accepted = ticket.deployment, not judged.denials",
        "deployment, accepted = ticket.deployment, True",
        (f"{PLACE}test_a_denied_order_is_stored_with_every_code_and_reserves_nothing",),
    ),
    Safeguard(
        "one-id-one-order",
        "A client order id names one order for good.",
        ORDERS,
        "    if known is None or _is_same(known, ticket):\n",
        "    if True:\n",
        (f"{PLACE}test_another_order_under_a_known_client_order_id_is_refused",),
    ),
    Safeguard(
        "exposure-is-locked",
        "The last unit of a bot's limit is given once.",
        "apps/risk/services/exposure.py",
        "    rows = Exposure.objects.select_for_update().filter(scope=scope, instrument=instrument)\n    found",
        "    rows = Exposure.objects.filter(scope=scope, instrument=instrument)\n    found",
        ("tests/execution/test_races.py::test_the_last_unit_of_a_limit_is_given_once",),
    ),
    Safeguard(
        "last-shared-unit",
        "Two bots that share a limit do not both get its last unit.",
        JUDGING,
        "    found += rules.check_sums(judged.order, after)\n",
        "",
        ("tests/execution/test_shared_races.py::test_one_of_two_bots_gets_the_last_unit",),
    ),
    Safeguard(
        "self-trade-recheck",
        "Two orders of ours that would trade with each other are not both accepted at once.",
        JUDGING,
        "    if stands.crosses_own(_asked(ticket, [], None)):\n",
        "    if False:\n",
        ("tests/execution/test_shared_races.py::test_two_bots_that_cross_at_once_do_not_both_get_through",),
    ),
    Safeguard(
        "missing-limit-refuses",
        "What no limit is set for does not open.",
        SUMS,
        "    if not has_gross:\n",
        "    if False:\n",
        (f"{PURPOSES}test_a_limit_that_no_scope_has_stops_what_opens",),
    ),
    Safeguard(
        "stale-price",
        "Nothing is opened on a price that is not fresh.",
        PRICES,
        "    if not (is_known and market.is_fresh):\n",
        "    if not is_known:\n",
        (f"{CHECK}test_without_a_fresh_price_nothing_goes_out", f"{PLACE}test_a_stale_price_is_denied"),
    ),
    Safeguard(
        "stale-decision",
        "What was decided on bars long past does not open.",
        PRICES,
        "    if not market.is_decision_fresh:\n",
        "    if False:\n",
        (f"{PLACE}test_a_decision_taken_on_bars_long_past_is_denied",),
    ),
    Safeguard(
        "independent-reference",
        "Nothing opens without a price from another source than the bot's feed.",
        PRICES,
        '        if not is_exit:\n            found.append(Denial("REFERENCE_STALE", {}))\n',
        "",
        (f"{GATEWAY}test_without_another_sources_price_nothing_opens",),
    ),
    Safeguard(
        "price-collar",
        "No price beyond the collar around the reference goes out.",
        PRICES,
        "    if not (beyond * BPS <= bound * reference and bound >= ZERO):\n",
        "    if bound < ZERO:\n",
        (
            f"{CHECK}test_the_collar_bounds_the_worse_side_of_the_reference",
            f"{GATEWAY}test_a_feed_that_disagrees_with_the_venue_opens_nothing",
        ),
    ),
    Safeguard(
        "order-notional",
        "One order is worth no more than its limit.",
        PRICES,
        '    bound = limits.get("order_notional", NAN)\n    if not value <= bound < INFINITY:\n',
        '    bound = limits.get("order_notional", NAN)\n    if False:\n',
        (f"{CHECK}test_notional_counts_price_multiplier_and_rate",),
    ),
    Safeguard(
        "position-at-its-worst",
        "A position stays within its limit though everything that works fills.",
        SIZES,
        "        return exposure.position + exposure.working_buy + order.quantity\n",
        "        return exposure.position + order.quantity\n",
        (f"{CHECK}test_position_is_judged_at_its_worst", f"{PLACE}test_a_second_order_counts_the_first_as_filled"),
    ),
    Safeguard(
        "reduction-is-one",
        "What is to reduce never crosses zero.",
        SIZES,
        "    if not (_is_sound(exposure) and order.quantity <= available < INFINITY):\n",
        "    if not _is_sound(exposure):\n",
        (f"{CHECK}test_a_reduction_never_crosses_zero",),
    ),
    Safeguard(
        "daily-loss",
        "Nothing opens once the day's loss is reached.",
        SUMS,
        '                _lost("DAILY_LOSS_REACHED", "daily_loss", scope, lost, bound, found)\n',
        "                pass\n",
        ("tests/execution/test_sums.py::test_a_loss_of_the_day_stops_what_opens_and_not_what_closes",),
    ),
    Safeguard(
        "venues-cash-is-known",
        "Cash that the venue has not stated lately buys nothing.",
        PRICES,
        '        found.append(Denial("BUYING_POWER_UNKNOWN", {}))\n',
        "        return\n",
        (f"{GATEWAY}test_cash_that_the_venue_has_not_stated_lately_buys_nothing",),
    ),
    Safeguard(
        "duplicate-window",
        "The same order again at once is a duplicate.",
        STANDING,
        "    if exposure.is_duplicate:\n",
        "    if False:\n",
        (f"{GATEWAY}test_the_same_order_again_at_once_is_a_duplicate",),
    ),
    Safeguard(
        "self-trade",
        "An order that would trade with one of ours is denied.",
        STANDING,
        "    if exposure.crosses_own:\n",
        "    if False:\n",
        (f"{PURPOSES}test_a_breach_stops_exactly_the_purposes_that_it_is_meant_for",),
    ),
    Safeguard(
        "throttle",
        "A bot that repeats itself opens nothing until a person enables it.",
        ORDERS,
        "        _throttle(scope, judged.denials)\n",
        "",
        (f"{GATEWAY}test_repeating_itself_disables_a_bot_until_a_person_enables_it",),
    ),
    Safeguard(
        "orders-per-minute",
        "A bot's pace is bounded.",
        SIZES,
        '    sent, bound = exposure.orders_this_minute, limits.get("orders_per_minute", NAN)\n'
        "    if not 0 < sent + 1 <= bound < INFINITY:\n",
        '    sent, bound = exposure.orders_this_minute, limits.get("orders_per_minute", NAN)\n    if False:\n',
        (f"{CHECK}test_orders_per_minute",),
    ),
    Safeguard(
        "raise-reverts",
        "A raise that has expired does not count any more, whether a sweep ran or not.",
        "apps/execution/standing.py",
        "trim_scale(CASE WHEN expires_at <= %(now)s THEN reverts_to ELSE value END)::text",
        "trim_scale(value)::text",
        (f"{GATEWAY}test_a_limit_that_has_expired_has_reverted_though_no_sweep_ran",),
    ),
    Safeguard(
        "exposure-of-another-mode",
        "A paper bot never trades on a live account.",
        STANDING,
        "    if not exposure.mode_agrees:\n",
        "    if False:\n",
        (f"{CHECK}test_a_paper_order_on_a_live_account_is_denied",),
    ),
    Safeguard(
        "last-shared-cash",
        "Two bots of one account do not both spend its last cash.",
        JUDGING,
        '    if ticket.side == "BUY" and account is not None and _overspends(account, judged):\n',
        "    if False:\n",
        (
            "tests/execution/test_shared_races.py::test_cash_that_another_bot_of_the_account_has_just_reserved_is_not_spent_again",
        ),
    ),
    Safeguard(
        "bundle-narrows-limits",
        "A bundle's own limit holds where it is stricter than the ledger's.",
        JUDGING,
        '    return rules.strictest([merged, narrowed]) | {"capital": deployment.capital}\n',
        '    return merged | {"capital": deployment.capital}\n',
        (f"{PLACE}test_the_stricter_of_ledger_and_bundle_counts",),
    ),
    Safeguard(
        "approved-capital",
        "The worst position fits into the capital that was approved.",
        PRICES,
        '    bound = limits.get("capital", NAN)\n    if not value <= bound < INFINITY:\n',
        '    bound = limits.get("capital", NAN)\n    if False:\n',
        (f"{CHECK}test_the_worst_position_must_fit_into_the_approved_capital",),
    ),
    Safeguard(
        "stale-books",
        "Nothing opens on losses that nobody marked lately.",
        "apps/execution/standing.py",
        "marked_at > %(books_since)s AND ",
        "",
        ("tests/execution/test_sums.py::test_books_that_nobody_marked_lately_open_nothing",),
    ),
    Safeguard(
        "slices-within-their-parent",
        "Slices never come to more than their parent.",
        SIZES,
        "    if left is not None and not quantity <= left < INFINITY:\n",
        "    if False:\n",
        (f"{GATEWAY}test_slices_stay_within_their_parent",),
    ),
    Safeguard(
        "halted-instrument",
        "Nothing opens in an instrument that its market has halted.",
        STANDING,
        "    if session.is_halted:\n",
        "    if False:\n",
        (f"{GATEWAY}test_nothing_opens_in_a_halted_instrument_and_exits_pass",),
    ),
)
