"""The audit explorer: search acts, follow one object, export what was found."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from apps.access import selectors
from apps.access import services as access
from apps.access.states import Permission
from apps.audit.models import Record
from apps.common.errors import Forbidden, NotFound
from apps.console import exports, pages
from apps.console.forms import AuditFilter
from apps.console.pages import Request
from apps.console.selectors import audit, people

PAGE_SIZE = 50
CHUNK = 1_000
COLUMNS = (
    "at",
    "act",
    "actor",
    "reason",
    "object_kind",
    "object_id",
    "scope_id",
    "before",
    "after",
    "request_id",
)


def _require_auditor(request: Request) -> None:
    if not selectors.visible_scope_ids(request.user, Permission.AUDIT):
        raise Forbidden("PERMISSION_DENIED", "none of your roles lets you read the audit: ask an administrator")


@require_GET
def index(request: Request) -> HttpResponse:
    """Acts that match, newest first."""
    _require_auditor(request)
    form = AuditFilter(request.GET)
    rows = audit.records(request.user, form.given())
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "names": people.names_of(row.actor for row in page.object_list)}
    return pages.show(request, "console/audit.html", context)


@require_GET
def export(request: Request, kind: str) -> StreamingHttpResponse:
    """Everything that matches, as CSV or JSON Lines; it streams."""
    _require_auditor(request)
    rows = audit.records(request.user, AuditFilter(request.GET).given())
    if kind == "jsonl":
        return exports.jsonl_file("audit.jsonl", map(_object, _chunks(rows)))
    return exports.csv_file("audit.csv", COLUMNS, (_object(row).values() for row in _chunks(rows)))


def _chunks(rows: Any) -> Iterator[Record]:
    """Row by row in bounded memory, by key and not by one long transaction."""
    last = None
    while True:
        chunk = list((rows if last is None else rows.filter(pk__lt=last))[:CHUNK])
        yield from chunk
        if len(chunk) < CHUNK:
            return
        last = chunk[-1].pk


def _object(row: Record) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in COLUMNS[1:]}
    return {"at": row.created_at.isoformat(), **values}


@require_GET
def history(request: Request, label: str, object_id: UUID) -> HttpResponse:
    """Every version of one object, with what changed, who did it and why."""
    found = audit.biography(label, object_id)
    if not access.may(request.user, Permission.VIEW, found.scope):
        raise NotFound("NOT_FOUND", "no such object within your reach")
    access.require(request.user, Permission.AUDIT, found.scope)
    actors = [version.actor for version in found.versions] + [row.actor for row in found.records]
    return pages.show(request, "console/history.html", {"found": found, "names": people.names_of(actors)})
