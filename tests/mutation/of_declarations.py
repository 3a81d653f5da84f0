"""Safeguards around declarations: what is planned is what is applied, by who may, and a text cannot harm its reader."""

from tests.mutation.safeguard import Safeguard

SERVICES = "apps/promotions/declarations/services.py"
SELECTORS = "apps/promotions/declarations/selectors.py"
LOCATED = "apps/common/located.py"
APPLIED = "tests/promotions/test_declaration_apply.py::"
READ = "tests/promotions/test_located.py::"

SAFEGUARDS = (
    Safeguard(
        "plans-are-bound",
        "A declaration is applied only to the state, and with the text, that its plan saw.",
        SERVICES,
        "        if judged.plan.digest != digest:\n",
        "        if False:\n",
        (
            f"{APPLIED}test_a_plan_is_stale_once_the_state_has_changed",
            f"{APPLIED}test_a_plan_is_of_one_text_only",
            f"{APPLIED}test_of_two_declarations_at_once_one_is_stale",
        ),
    ),
    Safeguard(
        "declarations-whole-or-not",
        "A plan that the caller may not apply all of is not applied at all.",
        SERVICES,
        "        _require(row, judged.plan, actor)\n",
        "",
        (
            f"{APPLIED}test_who_may_not_set_limits_applies_none_of_a_plan_with_limits",
            f"{APPLIED}test_the_blast_radius_is_not_declared_wider",
        ),
    ),
    Safeguard(
        "declared-limits-need-their-permission",
        "Who may build does not move limits by declaring them.",
        SELECTORS,
        "    if not access.may(user, Permission.SET_LIMITS, bot.scope):\n",
        "    if False:\n",
        (f"{APPLIED}test_who_may_not_set_limits_applies_none_of_a_plan_with_limits",),
    ),
    Safeguard(
        "declared-versions-need-build",
        "Who may set limits pushes no versions by declaring them.",
        SELECTORS,
        "    if not access.may(user, Permission.BUILD, bot.scope):\n",
        "    if False:\n",
        (f"{APPLIED}test_who_may_only_set_limits_applies_none_of_a_plan_with_versions",),
    ),
    Safeguard(
        "declared-raises-are-asked-once",
        "A raise that waits for people is not asked for again by the same declaration.",
        "apps/promotions/declarations/rules/plan.py",
        " in actual.waiting\n",
        " in ()\n",
        (
            f"{APPLIED}test_the_same_again_asks_for_nothing_twice",
            f"{APPLIED}test_a_higher_limit_is_asked_for_and_counts_when_another_person_grants_it",
        ),
    ),
    Safeguard(
        "declared-errors-refuse",
        "A declaration with an error is neither planned nor applied.",
        SELECTORS,
        "    _refuse([finding for finding in found if finding.severity == ERROR])\n",
        "",
        (
            "tests/promotions/test_declaration_api.py::test_accounts_of_other_desks_are_not_told_apart_from_unknown_ones",
        ),
    ),
    Safeguard(
        "aliases-are-bounded",
        "A small text with aliases of aliases does not become a large value.",
        LOCATED,
        "        if self.left < 0 or len(path) > DEPTH_MAX:\n",
        "        if False:\n",
        (f"{READ}test_aliases_of_aliases_do_not_grow_beyond_the_bound",),
    ),
    Safeguard(
        "names-stand-once",
        "Of a name that stands twice neither value counts.",
        LOCATED,
        "            if key in first:\n",
        "            if False:\n",
        (f"{READ}test_a_name_that_stands_twice_is_refused_with_both_lines",),
    ),
)
