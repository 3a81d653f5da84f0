"""Datasets: uploaded or already on the server, checked line by line, profiled, frozen by their digest."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from django.conf import settings
from django.db import IntegrityError

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common.clocks import from_ms, to_ms, wall_now
from apps.common.errors import Invalid, Refused
from apps.markets import series
from apps.markets.bar_files import BarFile
from apps.markets.models import Dataset, DatasetProfile, Instrument
from apps.markets.profiles import Profiler


class Upload(Protocol):
    """A binary stream of lines, as uploaded files are."""

    def readline(self, size: int = -1, /) -> bytes:
        """The next line, or its first `size` bytes."""


def freeze_dataset(
    *,
    name: str,
    file_name: str,
    instrument: Instrument,
    interval_ms: int,
    source: str,
    actor: User | str,
    reason: str,
) -> Dataset:
    """Take a file of bars as it is: checked line by line, counted, and bound to its SHA-256.

    The same bytes twice are one dataset. Raises Invalid DATASET_FILE_NAME, DATASET_ROW_INVALID (with the
    line), DATASET_EMPTY or DATASET_NAME_TAKEN, NotFound DATASET_FILE_MISSING, Refused
    DATASET_FROZEN_OTHERWISE when the bytes are another instrument's.
    """
    content = series.read_file(file_name)
    sha256 = hashlib.sha256(content).hexdigest()
    bars = series.parse(content, instrument.symbol, interval_ms).bars
    profiler = Profiler(interval_ms, instrument.session_calendar)
    for bar in bars:
        profiler.take(bar)
    dataset = Dataset(name=name, instrument=instrument, file_name=file_name, sha256=sha256, source=source)
    return _frozen(dataset, profiler, _zone_of(content), actor, reason)


def upload_dataset(
    *,
    name: str,
    stream: Upload,
    instrument: Instrument,
    interval_ms: int,
    source: str,
    actor: User | str,
    reason: str,
) -> Dataset:
    """Keep an uploaded CSV file of bars for good, under its digest; all of it, or nothing.

    It is read once, line by line, and memory stays flat. The same bytes twice are one dataset. Raises Invalid
    DATASET_FILE with `lines` (number, code, message), the first bad ones, and `bad_lines`, how many there are;
    DATASET_ENCODING, DATASET_HEADER, DATASET_EMPTY, DATASET_TOO_LONG, DATASET_NAME_TAKEN; Refused
    DATASET_FROZEN_OTHERWISE.
    """
    calendar = instrument.session_calendar
    reader = BarFile(instrument.symbol, interval_ms, calendar, settings.DATASET_ROWS_MAX, to_ms(wall_now()))
    profiler = Profiler(interval_ms, calendar)
    with _scratch() as (path, out):
        copied = _Copy(stream, out)
        for bar in reader.bars(copied.readline):
            profiler.take(bar)
        reader.refuse_trouble()
        out.flush()
        os.fsync(out.fileno())
        sha256 = copied.digest.hexdigest()
        file_name = f"{sha256}.csv"
        dataset = Dataset(name=name, instrument=instrument, file_name=file_name, sha256=sha256, source=source)
        _refuse_name(dataset)
        if not Dataset.objects.filter(sha256=sha256).exclude(file_name=file_name).exists():
            # The file first: a row never names bytes that are not there, and bytes without a row are nobody's.
            path.chmod(0o444)
            path.replace(Path(settings.DATASET_UPLOAD_ROOT) / file_name)
    return _frozen(dataset, profiler, reader.zone, actor, reason)


class _Copy:
    """Reads lines, and writes and digests what was read."""

    def __init__(self, stream: Upload, out: BinaryIO) -> None:
        self.stream = stream
        self.out = out
        self.digest = hashlib.sha256()

    def readline(self, bytes_max: int) -> bytes:
        line = self.stream.readline(bytes_max)
        self.out.write(line)
        self.digest.update(line)
        return line


@contextmanager
def _scratch() -> Iterator[tuple[Path, BinaryIO]]:
    """A file beside the uploads that is gone afterwards, unless it was given its name."""
    root = Path(settings.DATASET_UPLOAD_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".incoming-", dir=root)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield Path(name), out
    finally:
        Path(name).unlink(missing_ok=True)


def _refuse_name(dataset: Dataset) -> None:
    if Dataset.objects.filter(name=dataset.name).exclude(sha256=dataset.sha256).exists():
        raise Invalid("DATASET_NAME_TAKEN", f"{dataset.name} names another file; choose another name", field="name")


def _frozen(dataset: Dataset, profiler: Profiler, zone: str, actor: User | str, reason: str) -> Dataset:
    """The dataset as it is stored with its profile, or the one that has these bytes already."""
    instrument, interval_ms = dataset.instrument, profiler.interval_ms
    known = Dataset.objects.filter(sha256=dataset.sha256).first()
    if known is not None and (known.instrument_id, known.interval_ms) != (instrument.pk, interval_ms):
        raise Refused("DATASET_FROZEN_OTHERWISE", f"{known} has these bytes for another instrument or interval")
    if known is not None and DatasetProfile.objects.filter(dataset=known).exists():
        return known
    try:
        with acting(actor, reason):
            found = known or _store(dataset, profiler)
            DatasetProfile.objects.create(dataset=found, zone=zone, **profiler.fields())
    except IntegrityError as error:
        if same := Dataset.objects.filter(sha256=dataset.sha256).first():
            return same  # frozen by another call meanwhile
        raise Invalid("DATASET_NAME_TAKEN", f"{dataset.name} names another file; choose another name") from error
    return found


def _store(dataset: Dataset, profiler: Profiler) -> Dataset:
    first_ms, last_ms = profiler.bounds
    dataset.interval_ms, dataset.rows, dataset.gaps = profiler.interval_ms, profiler.rows, profiler.missing
    dataset.first_start, dataset.last_end = from_ms(first_ms), from_ms(last_ms)
    dataset.save(force_insert=True)
    after = {"sha256": dataset.sha256, "rows": dataset.rows}
    audit.record("dataset.frozen", dataset, scope_id=dataset.instrument.scope_id, after=after)
    return dataset


def _zone_of(content: bytes) -> str:
    """The zone that the first row of a checked file writes."""
    stamp = content.splitlines()[1].split(b",")[0].decode()
    return "UTC" if stamp.endswith(("Z", "+00:00", "-00:00")) else stamp[-6:]
