"""Freezing datasets: bad rows are named, the same bytes are one dataset."""

from pathlib import Path

import pytest

from apps.common.errors import DomainError, Invalid, NotFound
from apps.markets import services
from apps.markets.models import Dataset, Instrument
from tests.markets.builders import BY, HOUR_MS, make_instrument, write_bars

pytestmark = pytest.mark.django_db
CLOSES = ["100", "101", "102", "103", "104", "105"]


def freeze(instrument: Instrument, file_name: str = "bars.csv", name: str = "bars") -> Dataset:
    return services.freeze_dataset(
        name=name, file_name=file_name, instrument=instrument, interval_ms=HOUR_MS, source="a test", **BY
    )


def test_a_dataset_knows_its_rows_bounds_and_gaps(folder: Path) -> None:
    write_bars(folder, "bars.csv", CLOSES, skip={1, 4})

    dataset = freeze(make_instrument())

    assert (dataset.rows, dataset.gaps) == (4, 2)
    assert (dataset.last_end - dataset.first_start).total_seconds() == 6 * 3600


def test_the_same_bytes_twice_are_one_dataset(folder: Path) -> None:
    instrument = make_instrument()
    write_bars(folder, "bars.csv", CLOSES)
    write_bars(folder, "copy.csv", CLOSES)

    assert freeze(instrument) == freeze(instrument, "copy.csv", "copy")
    assert Dataset.objects.count() == 1


def test_the_bytes_of_one_instrument_are_not_anothers(folder: Path) -> None:
    write_bars(folder, "bars.csv", CLOSES)
    freeze(make_instrument())

    with pytest.raises(DomainError) as refusal:
        freeze(make_instrument("ETH-USD"), name="other")

    assert refusal.value.code == "DATASET_FROZEN_OTHERWISE"
    assert Dataset.objects.count() == 1


@pytest.mark.parametrize(
    "row",
    [
        "2024-01-01T06:00:00Z,100,99,101,100,1",
        "2024-01-01T06:00:00Z,NaN,101,99,100,1",
        "2024-01-01T06:00:00Z,100,101,99,100,-1",
        "2024-01-01T06:00:00Z,0,101,0,100,1",
        "2024-01-01T05:00:00Z,100,101,99,100,1",
        "2024-01-01T06:00:00,100,101,99,100,1",
        "2024-01-01T06:00:00Z,100,101,99,100",
        "nonsense",
    ],
)
def test_a_bad_row_is_refused_with_its_line_number(folder: Path, row: str) -> None:
    instrument = make_instrument()
    write_bars(folder, "bars.csv", CLOSES)
    with (folder / "bars.csv").open("a") as handle:
        handle.write(row + "\n")

    with pytest.raises(Invalid, match="line 8") as refusal:
        freeze(instrument)

    assert refusal.value.code == "DATASET_ROW_INVALID"
    assert not Dataset.objects.exists()


@pytest.mark.parametrize(
    ("file_name", "code"),
    [
        ("../bars.csv", "DATASET_FILE_NAME"),
        ("/etc/passwd", "DATASET_FILE_NAME"),
        (".hidden", "DATASET_FILE_NAME"),
        ("", "DATASET_FILE_NAME"),
        ("missing.csv", "DATASET_FILE_MISSING"),
    ],
)
def test_only_files_of_the_dataset_folder_are_read(folder: Path, file_name: str, code: str) -> None:
    instrument = make_instrument()

    with pytest.raises((Invalid, NotFound)) as refusal:
        freeze(instrument, file_name)

    assert refusal.value.code == code


def test_a_name_stands_for_one_file(folder: Path) -> None:
    instrument = make_instrument()
    write_bars(folder, "bars.csv", CLOSES)
    write_bars(folder, "other.csv", CLOSES[:3])
    freeze(instrument)

    with pytest.raises(DomainError) as refusal:
        freeze(instrument, "other.csv", "bars")

    assert refusal.value.code == "DATASET_NAME_TAKEN"


def test_an_instrument_needs_positive_exact_steps() -> None:
    for tick_size in ("0", "-0.01", "NaN", "1e-3"):
        with pytest.raises(Invalid):
            make_instrument(tick_size=tick_size)

    assert not Instrument.objects.exists()


def test_a_symbol_is_taken_once() -> None:
    make_instrument()

    with pytest.raises(Invalid) as refusal:
        make_instrument()

    assert refusal.value.code == "SYMBOL_TAKEN"
    assert Instrument.objects.count() == 1
