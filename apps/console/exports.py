"""Tables as files that stream."""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is quoted; figures stay figures."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def csv_file(name: str, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    """A CSV download with one line per row."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield writer.writerow(header)
        for row in rows:
            yield writer.writerow([_cell(value) for value in row])

    return _download(name, "text/csv; charset=utf-8", lines())


def jsonl_file(name: str, rows: Iterable[dict[str, Any]]) -> StreamingHttpResponse:
    """A JSON Lines download with one object per row."""
    lines = (json.dumps(row, default=str, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
    return _download(name, "application/jsonl; charset=utf-8", lines)


def _download(name: str, media_type: str, lines: Iterable[str]) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(lines, content_type=media_type, headers=headers)
