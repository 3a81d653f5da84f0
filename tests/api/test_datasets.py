"""Datasets through the API: a file is frozen, profiled, given back; a bad one leaves nothing."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.markets.models import Dataset
from tests.api.world import BARS
from tests.markets.bar_lines import line, lines

DATASETS = "/api/v1/datasets/"


@pytest.fixture
def engineer(world, as_user, settings, tmp_path):
    """An engineer of a desk, and a folder for what is uploaded."""
    settings.DATASET_UPLOAD_ROOT = tmp_path / "uploads"
    return as_user(world.own.people["engineer"])


def file(content, **overrides):
    fields = {"name": "new", "instrument": "BTC-USD", "interval": "1h", "source": "exchange", "reason": "a test"}
    return fields | {"file": SimpleUploadedFile("bars.csv", content, "text/csv")} | overrides


def test_a_file_is_frozen_profiled_and_given_back(engineer):
    content = lines(4) + line(6)

    answer = engineer.post(DATASETS, file(content), format="multipart")

    made = answer.json()
    assert (answer.status_code, made["rows"], made["gaps"], made["symbol"]) == (201, 5, 2, "BTC-USD")
    profile = engineer.get(f"{DATASETS}{made['id']}/profile/").json()
    assert (profile["zone"], [gap[2] for gap in profile["gaps"]]) == ("UTC", [2])
    assert b"".join(engineer.get(f"{DATASETS}{made['id']}/file/").streaming_content) == content


def test_bad_lines_are_listed_and_nothing_is_stored(engineer):
    answer = engineer.post(DATASETS, file(lines(3) + line(2) + b"nonsense\n"), format="multipart")

    assert (answer.status_code, answer.json()["code"]) == (422, "DATASET_FILE")
    assert [(row["line"], row["code"]) for row in answer.json()["context"]["lines"]] == [
        (5, "BAR_DUPLICATE"),
        (6, "BAR_COLUMNS"),
    ]
    assert Dataset.objects.count() == 1


def test_bytes_that_are_known_are_the_known_dataset(engineer, world):
    answer = engineer.post(DATASETS, file(BARS), format="multipart")

    assert answer.json()["id"] == str(world.dataset.pk)
    assert Dataset.objects.count() == 1


@pytest.mark.parametrize("role", ["risk owner", "auditor", "operator"])
def test_whoever_builds_nothing_freezes_nothing(world, as_user, role):
    answer = as_user(world.own.people[role]).post(DATASETS, file(lines(3)), format="multipart")

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert Dataset.objects.count() == 1
