"""Uploading datasets: every bad line is named, nothing of a bad file is stored, memory stays flat."""

import hashlib
import tracemalloc
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import Settings

from apps.audit.models import Record
from apps.common.errors import DomainError, Invalid
from apps.markets import selectors, services
from apps.markets.models import Dataset, DatasetProfile, Instrument
from tests.markets.bar_lines import HEADER, line, lines, upload
from tests.markets.builders import BY, HOUR_MS, Wall, make_instrument, write_bars

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def uploads(folder: Path, settings: Settings, wall: Wall) -> Path:
    """The folder of uploads, at a time when bars of 2024 are past."""
    settings.DATASET_UPLOAD_ROOT = folder / "uploads"
    return folder / "uploads"


@pytest.fixture
def btc() -> Instrument:
    """What the bars are of."""
    return make_instrument()


def refusal(instrument: Instrument, content: bytes) -> Invalid:
    """What these bytes are refused with; nothing of them is stored."""
    with pytest.raises(Invalid) as caught:
        upload(instrument, content)
    assert not Dataset.objects.exists()
    assert list(Path(settings.DATASET_UPLOAD_ROOT).iterdir()) == []
    return caught.value


def test_a_good_file_is_kept_under_its_digest_and_read_back(btc: Instrument, uploads: Path) -> None:
    content = lines(5)

    dataset = upload(btc, content)

    digest = hashlib.sha256(content).hexdigest()
    assert (dataset.sha256, dataset.file_name, dataset.rows, dataset.gaps) == (digest, f"{digest}.csv", 5, 0)
    assert (uploads / f"{digest}.csv").read_bytes() == content
    assert len(selectors.bars_of(dataset)) == 5
    assert Record.objects.get(act="dataset.frozen").object_id == dataset.pk


def test_the_same_bytes_twice_are_one_dataset(btc: Instrument, uploads: Path) -> None:
    first = upload(btc, lines(3))

    assert upload(btc, lines(3), name="other") == first
    assert (Dataset.objects.count(), len(list(uploads.iterdir()))) == (1, 1)


def test_bytes_that_lie_in_the_dataset_folder_already_are_not_kept_twice(
    btc: Instrument, folder: Path, uploads: Path
) -> None:
    (folder / "known.csv").write_bytes(lines(3))
    known = services.freeze_dataset(
        name="known", file_name="known.csv", instrument=btc, interval_ms=HOUR_MS, source="a test", **BY
    )

    assert upload(btc, lines(3)) == known
    assert list(uploads.iterdir()) == []


def test_the_bytes_of_one_instrument_are_not_anothers(btc: Instrument) -> None:
    upload(btc, lines(3))

    with pytest.raises(DomainError) as caught:
        upload(make_instrument("ETH-USD"), lines(3), name="eth")

    assert caught.value.code == "DATASET_FROZEN_OTHERWISE"
    assert Dataset.objects.count() == 1


def test_a_name_stands_for_one_file(btc: Instrument, uploads: Path) -> None:
    upload(btc, lines(3))

    with pytest.raises(DomainError) as caught:
        upload(btc, lines(4))

    assert caught.value.code == "DATASET_NAME_TAKEN"
    assert (Dataset.objects.count(), len(list(uploads.iterdir()))) == (1, 1)


BAD = {
    "BAR_DUPLICATE": line(1),
    "BAR_ORDER": line(0),
    "BAR_ZONE": line(2, zone="+01:00"),
    "BAR_GRID": line(2).replace(b":00:00Z", b":30:00Z"),
    "BAR_FUTURE": line(24 * 365 * 20),
    "BAR_COLUMNS": b"2024-01-01T02:00:00Z,1,1,1,1\n",
    "BAR_ENCODING": line(2).replace(b"100", b"1\x000", 1),
    "BAR_LINE_TOO_LONG": line(2, volume="1" * 3_000),
}
TIMES = [
    "2024-01-01T02:00:00",
    "2024-01-01",
    "02:00",
    "1704074400",
    "2024-13-01T00:00:00Z",
    "2024-01-01T02:00:00.5Z",
    "",
]
FIGURES = ["NaN", "inf", "-Infinity", "1e5", "1,5", "0x10", "", " 100", "100 ", "١٠٠", '"100"', "1" * 30]


@pytest.mark.parametrize("code", BAD)
def test_a_bad_line_is_refused_with_its_number(btc: Instrument, code: str) -> None:
    error = refusal(btc, lines(2) + BAD[code] + line(3))

    assert error.code == "DATASET_FILE"
    assert [(trouble["line"], trouble["code"]) for trouble in error.context["lines"]] == [(4, code)]


@pytest.mark.parametrize("text", TIMES)
def test_a_time_that_is_none_or_has_no_zone_is_refused(btc: Instrument, text: str) -> None:
    trouble = refusal(btc, lines(2) + line(2, timestamp=text)).context["lines"][0]

    assert (trouble["line"], trouble["code"]) in {(4, "BAR_TIME"), (4, "BAR_FIGURE")}


@pytest.mark.parametrize("text", FIGURES)
@pytest.mark.parametrize("field", ["open", "close"])
def test_a_figure_that_is_none_is_refused(btc: Instrument, field: str, text: str) -> None:
    trouble = refusal(btc, lines(2) + line(2, **{field: text})).context["lines"][0]

    assert trouble["line"] == 4
    assert trouble["code"] in {"BAR_FIGURE", "BAR_ENCODING", "BAR_COLUMNS"}


@pytest.mark.parametrize("prices", [{"low": "101"}, {"high": "99"}, {"low": "0"}, {"low": "-1"}, {"open": "1000"}])
def test_prices_that_cannot_be_are_refused(btc: Instrument, prices: dict[str, str]) -> None:
    assert refusal(btc, lines(2) + line(2, **prices)).context["lines"][0]["code"] == "BAR_PRICES"


@pytest.mark.parametrize(
    "content",
    [lines(3).decode().encode("utf-16"), b"\xef\xbb\xbf" + lines(3), lines(3).decode().encode("utf-16-le")],
)
def test_another_encoding_is_refused(btc: Instrument, content: bytes) -> None:
    assert refusal(btc, content).code == "DATASET_ENCODING"


def test_a_file_without_the_header_or_without_bars_is_refused(btc: Instrument) -> None:
    assert refusal(btc, b"").code == "DATASET_HEADER"
    assert refusal(btc, line(1) + line(2)).code == "DATASET_HEADER"
    assert refusal(btc, HEADER).code == "DATASET_EMPTY"


def test_all_bad_lines_are_counted_and_the_first_hundred_listed(btc: Instrument) -> None:
    error = refusal(btc, lines(2) + b"nonsense\n" * 150)

    assert (error.context["bad_lines"], len(error.context["lines"])) == (150, 100)
    assert error.context["lines"][-1]["line"] == 103


def test_one_line_out_of_place_does_not_spoil_those_after_it(btc: Instrument) -> None:
    error = refusal(btc, lines(5) + line(2) + line(5) + line(6))

    assert [trouble["line"] for trouble in error.context["lines"]] == [7]


def test_a_file_of_too_many_rows_is_refused(btc: Instrument, settings: Settings) -> None:
    settings.DATASET_ROWS_MAX = 3

    assert refusal(btc, lines(4)).code == "DATASET_TOO_LONG"
    assert upload(btc, lines(3)).rows == 3


def test_carriage_returns_and_one_other_zone_are_no_trouble(btc: Instrument) -> None:
    content = HEADER + b"".join(line(hour, zone="+01:00") for hour in range(4))

    dataset = upload(btc, content.replace(b"\n", b"\r\n"))

    assert (dataset.rows, dataset.profile.zone) == (4, "+01:00")
    assert dataset.first_start.isoformat() == "2023-12-31T23:00:00+00:00"


def test_a_line_without_an_end_takes_no_memory(btc: Instrument) -> None:
    class NoEnd:
        def __init__(self) -> None:
            self.left = 20_000

        def readline(self, size: int = -1, /) -> bytes:
            self.left -= 1
            return HEADER if self.left == 19_999 else b"1" * size if self.left > 0 else b""

    tracemalloc.start()
    with pytest.raises(Invalid) as caught:
        upload(btc, b"", stream=NoEnd())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert caught.value.context["lines"][0]["code"] == "BAR_LINE_TOO_LONG"
    assert peak < 4_000_000  # of 20 MB


def test_a_file_frozen_on_the_server_has_a_profile_too(btc: Instrument, folder: Path) -> None:
    write_bars(folder, "bars.csv", ["100", "101", "102", "103"], skip={1})

    dataset = services.freeze_dataset(
        name="bars", file_name="bars.csv", instrument=btc, interval_ms=HOUR_MS, source="a test", **BY
    )

    assert DatasetProfile.objects.get(dataset=dataset).gap_count == dataset.gaps == 1
