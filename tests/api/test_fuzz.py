"""Goal 13: whatever the schema lets somebody send, nothing fails, no answer breaks it, and nobody gets in unasked."""

import sys
from typing import Any

from tests.api import fuzzing
from tests.api.world import make_world


def test_whatever_the_schema_allows_meets_an_answer_of_the_schema(committed_db: str, tmp_path: Any, settings: Any):
    settings.DATASET_ROOT = tmp_path

    played = fuzzing.play(make_world(tmp_path))

    print(f"{played.calls} calls, statuses {dict(sorted(played.statuses.items()))}", file=sys.stderr)
    assert played.calls >= fuzzing.CALLS
    assert {200, 401, 403, 404, 422} <= set(played.statuses)
    assert played.faults == [], "\n".join(played.faults)
