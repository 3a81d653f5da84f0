"""The pages of datasets: the list, the form that freezes a file, the profile with its tables."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.markets.models import Dataset
from tests.markets.bar_lines import line, lines

DATASETS = "/datasets/"


@pytest.fixture
def engineer(world, signed_in, settings, tmp_path):
    """An engineer of a desk, and a folder for what is uploaded."""
    settings.DATASET_UPLOAD_ROOT = tmp_path / "uploads"
    return signed_in(world.own.people["engineer"])


def file(content, **overrides):
    fields = {"form": "dataset", "name": "new", "instrument": "BTC-USD", "interval": "1h", "source": "exchange"}
    return fields | {"reason": "for the gates", "file": SimpleUploadedFile("bars.csv", content)} | overrides


def test_a_file_is_frozen_and_its_profile_shown(engineer):
    content = lines(60) + line(62, "190") + line(63, "190")

    answer = engineer.post(f"{DATASETS}upload/", file(content))

    made = Dataset.objects.get(name="new")
    assert (answer.status_code, answer["Location"]) == (302, f"{DATASETS}{made.pk}/")
    text = engineer.get(answer["Location"]).content.decode()
    for shown in ("2 bars", "▲ open", "for the gates", "Gaps 1", "Flat 1", "dataset-points"):
        assert shown in text, shown
    assert b"".join(engineer.get(f"{DATASETS}{made.pk}/file/").streaming_content) == content


@pytest.mark.parametrize(
    ("table", "shown"), [("outliers", "Robust z-score"), ("idle", "Nothing of this kind"), ("x", "Session")]
)
def test_every_table_of_a_profile_is_shown(engineer, table, shown):
    closes = [line(hour, str(100 + hour % 3)) for hour in range(60)]
    closes[30] = line(30, "190")
    content = lines(0) + b"".join(closes[:40]) + b"".join(closes[45:])
    engineer.post(f"{DATASETS}upload/", file(content))

    text = engineer.get(f"{DATASETS}{Dataset.objects.get(name='new').pk}/", {"table": table}).content.decode()

    assert shown in text


def test_bad_lines_are_listed_beside_the_form(engineer):
    answer = engineer.post(f"{DATASETS}upload/", file(lines(2) + b"nonsense\n"))

    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Line 4" in text
    assert "BAR_COLUMNS" in text
    assert Dataset.objects.count() == 1


def test_whoever_builds_nothing_has_no_form_and_freezes_nothing(world, signed_in):
    client = signed_in(world.own.people["auditor"])

    assert "Freeze a file" not in client.get(DATASETS).content.decode()
    assert client.post(f"{DATASETS}upload/", file(lines(3))).status_code == 403
    assert Dataset.objects.count() == 1


def test_a_dataset_names_what_used_it_within_reach(world, engineer):
    text = engineer.get(f"{DATASETS}{world.dataset.pk}/").content.decode()

    assert f"/backtests/{world.own.backtest.pk}/" in text
    assert f"/backtests/{world.other.backtest.pk}/" not in text
    assert "btc, 60" in text


def test_the_list_is_searched_and_empty_for_outsiders(world, engineer, signed_in):
    assert "btc-hourly" in engineer.get(DATASETS, {"q": "btc"}).content.decode()
    assert "No dataset to show" in engineer.get(DATASETS, {"q": "zzz"}).content.decode()
    assert "No dataset to show" in signed_in(world.outsider).get(DATASETS).content.decode()
