"""Safeguards of gates: what is judged, by whom it may be reported, and what lets through without a pass."""

from tests.mutation.safeguard import Safeguard

GATES = "apps/releases/services/gates.py"
REPORTS = "apps/releases/services/reports.py"
WAIVERS = "apps/releases/services/waivers.py"
BASELINES = "apps/releases/services/baselines.py"
RULES = "apps/releases/rules.py"
SCANS = "apps/releases/checks/scans.py"
STATE_TESTS = "tests/releases/test_gate_states.py::"
DEFINITION_TESTS = "tests/releases/test_gate_definitions.py::"
REPORT_TESTS = "tests/releases/test_reports.py::"
WAIVER_TESTS = "tests/releases/test_waivers.py::"
BASELINE_TESTS = "tests/releases/test_baselines.py::"
CONTRACT_TESTS = "tests/releases/test_contracts.py::"

SAFEGUARDS = (
    Safeguard(
        "passes-end-by-themselves",
        "A pass is no permission past its end, whether or not anything swept.",
        GATES,
        "gate.valid_until is not None and gate.valid_until > wall_now()",
        "gate.valid_until is not None",
        (f"{STATE_TESTS}test_a_pass_past_its_end_is_shut_although_nobody_swept",),
    ),
    Safeguard(
        "older-definitions-are-worn",
        "A verdict by an older definition answers nobody who asks now.",
        GATES,
        'return not is_open(gate) or gate.definition_id != asked["definition"].pk or is_other',
        "return not is_open(gate) or is_other",
        (f"{DEFINITION_TESTS}test_a_newer_definition_wears_a_pass_out_for_whoever_asks",),
    ),
    Safeguard(
        "machines-report",
        "A person reports no gate.",
        REPORTS,
        "    if not actor.is_service:\n",
        "    if False:\n",
        (f"{REPORT_TESTS}test_a_person_reports_nothing", "tests/api/test_gates.py::test_a_person_reports_nothing"),
    ),
    Safeguard(
        "reports-by-whom-the-definition-names",
        "Who reports a gate is the one that its definition names.",
        REPORTS,
        "if row.definition is None or row.definition.reporter != reporter:",
        "if row.definition is None:",
        (f"{REPORT_TESTS}test_ci_does_not_report_what_a_worker_or_an_app_above_measures",),
    ),
    Safeguard(
        "missing-figures-never-pass",
        "A figure that a threshold bounds and that is not there judges nothing.",
        RULES,
        "    if value is None or isinstance(value, bool | float):\n"
        '        raise FigureMissing(f"the figure {name} is missing")\n',
        "    if value is None or isinstance(value, bool | float):\n        return ZERO\n",
        (f"{BASELINE_TESTS}test_judging_without_a_figure_is_an_error",),
    ),
    Safeguard(
        "facts-are-not-waived",
        "Determinism and other facts of a build are never agreed away.",
        WAIVERS,
        "    if not KINDS[GateKind(gate.kind)].may_be_waived:\n",
        "    if False:\n",
        (f"{WAIVER_TESTS}test_facts_are_never_agreed_away",),
    ),
    Safeguard(
        "builders-waive-nothing",
        "Whoever built a release does not let its gates through.",
        WAIVERS,
        "excluded=[actor, *selectors.builders(row.release)]",
        "excluded=[actor]",
        (f"{WAIVER_TESTS}test_who_built_it_does_not_agree",),
    ),
    Safeguard(
        "waivers-bind-to-the-finding",
        "A waiver holds for what the gate found when it was asked for.",
        WAIVERS,
        '            "evidence_digest": gate.evidence_digest,\n            "definition"',
        '            "definition"',
        (f"{WAIVER_TESTS}test_a_vote_on_another_finding_than_the_one_asked_about_is_refused",),
    ),
    Safeguard(
        "new-verdicts-end-waivers",
        "A new report ends the waiver of the verdict before.",
        REPORTS,
        '        void_waivers(gate, "a newer report of the gate came")\n',
        "",
        (f"{WAIVER_TESTS}test_a_new_verdict_ends_a_waiver_that_stands",),
    ),
    Safeguard(
        "baselines-by-others",
        "Whoever built a run does not make it the measure of later ones.",
        BASELINES,
        "    if actor in selectors.builders(row.release):\n",
        "    if False:\n",
        (f"{BASELINE_TESTS}test_whoever_built_it_does_not_accept_it",),
    ),
    Safeguard(
        "other-simulators-are-not-compared",
        "A run is compared with a baseline of the same simulator only.",
        "apps/releases/checks/runs.py",
        "    if baseline.simulator != simulated_by:\n",
        "    if False:\n",
        (f"{BASELINE_TESTS}test_another_simulator_is_not_compared",),
    ),
    Safeguard(
        "scans-need-a-whole-answer",
        "A scan whose index gave no whole answer is an error.",
        SCANS,
        "is_whole = len(found) == len(pins) and all(",
        "is_whole = all(",
        (f"{CONTRACT_TESTS}test_no_whole_answer_is_an_error_and_never_a_pass",),
    ),
    Safeguard(
        "voters-see-waivers",
        "A waiver that opened a gate is part of what voters of a promotion agree to.",
        "apps/promotions/selectors.py",
        'return covered | {"waived": waived} if waived else covered',
        "return covered",
        (f"{WAIVER_TESTS}test_voters_of_a_promotion_see_what_was_waived",),
    ),
)
