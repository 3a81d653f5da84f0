"""Goal 13: whatever the schema lets somebody send, nothing fails, no answer breaks it, and nobody gets in unasked."""

import os
import sys
from typing import Any

from tests.api import fuzzing
from tests.api.world import make_world

CALLS = int(os.environ.get("FUZZ_CALLS", "180"))
SEED = int(os.environ.get("FUZZ_SEED", "20261123"))


def test_whatever_the_schema_allows_meets_an_answer_of_the_schema(committed_db: str, tmp_path: Any, settings: Any):
    settings.DATASET_ROOT = tmp_path

    played = fuzzing.play(make_world(tmp_path), CALLS, SEED)

    print(f"{played.calls} calls, statuses {dict(sorted(played.statuses.items()))}", file=sys.stderr)
    assert played.calls >= CALLS
    assert {200, 401, 403, 404, 422} <= set(played.statuses)
    assert played.faults == [], "\n".join(played.faults)
