"""Safeguards around backtests that people ask for, and the datasets that they upload."""

from tests.mutation.safeguard import Safeguard

SERVICES = "apps/runtime/services.py"
ASKING = "apps/runtime/asking.py"
BAR_FILES = "apps/markets/bar_files.py"
RUNS = "tests/runtime/test_backtest_runs.py::"
UPLOADS = "tests/markets/test_upload_dataset.py::"

SAFEGUARDS = (
    Safeguard(
        "a-cancel-ends-the-bot",
        "A backtest that a person cancelled is killed while its bot hangs.",
        SERVICES,
        "            raise _Lost\n",
        "            pass\n",
        (f"{RUNS}test_a_cancel_kills_the_bot_that_runs_within_two_seconds",),
    ),
    Safeguard(
        "a-lost-backtest-writes-nothing",
        "A worker whose lease another one took writes nothing of the backtest.",
        SERVICES,
        "        if not claims.is_ours(run, fresh) or fresh.state not in OPEN:\n            return None\n",
        "        if False:\n            return None\n",
        (f"{RUNS}test_a_worker_that_lost_its_lease_writes_nothing",),
    ),
    Safeguard(
        "backtests-are-bounded",
        "A bot has only so many backtests that have not ended.",
        SERVICES,
        "    if waiting >= settings.BACKTESTS_OPEN_MAX:\n",
        "    if False:\n",
        (f"{RUNS}test_a_bot_has_only_so_many_that_have_not_ended",),
    ),
    Safeguard(
        "killers-of-workers-end",
        "A backtest whose workers die again and again fails.",
        SERVICES,
        "        if fresh.attempts > BACKTEST_ATTEMPTS_MAX:\n",
        "        if False:\n",
        (f"{RUNS}test_one_whose_workers_die_again_and_again_fails",),
    ),
    Safeguard(
        "backtests-run-own-parts",
        "A backtest runs code with parameters of the same bot only.",
        ASKING,
        "    if parameters.bot_id != bot.pk:\n",
        "    if False:\n",
        (f"{RUNS}test_parts_that_do_not_belong_together_are_refused",),
    ),
    Safeguard(
        "datasets-fit-the-bot",
        "A backtest runs over an instrument that the bot may trade.",
        ASKING,
        "    if symbol not in bot.symbols:\n",
        "    if False:\n",
        (f"{RUNS}test_a_dataset_that_the_bot_cannot_read_is_refused",),
    ),
    Safeguard(
        "bad-lines-store-nothing",
        "Of a file with a bad line nothing is stored.",
        "apps/markets/services/datasets.py",
        "        reader.refuse_trouble()\n",
        "        pass\n",
        (f"{UPLOADS}test_a_bad_line_is_refused_with_its_number",),
    ),
    Safeguard(
        "bars-are-in-one-zone",
        "All times of a file are in one zone.",
        BAR_FILES,
        "        if zone != self.zone:\n",
        "        if False:\n",
        (f"{UPLOADS}test_a_bad_line_is_refused_with_its_number",),
    ),
    Safeguard(
        "bars-are-of-the-past",
        "No bar of a file ends in the future.",
        BAR_FILES,
        "        if bar.end_ms > self.until_ms:\n",
        "        if False:\n",
        (f"{UPLOADS}test_a_bad_line_is_refused_with_its_number",),
    ),
    Safeguard(
        "endless-lines-are-cut",
        "A line without an end takes no memory.",
        BAR_FILES,
        "        if len(line) > LINE_BYTES_MAX:\n",
        "        if False:\n",
        (f"{UPLOADS}test_a_bad_line_is_refused_with_its_number",),
    ),
    Safeguard(
        "builders-freeze-datasets",
        "Whoever builds nothing freezes no dataset.",
        "apps/markets/api/dataset_views.py",
        "        if not access.visible_scope_ids(self.caller, Permission.BUILD):\n",
        "        if False:\n",
        ("tests/api/test_datasets.py::test_whoever_builds_nothing_freezes_nothing",),
    ),
)
