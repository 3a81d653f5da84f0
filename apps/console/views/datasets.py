"""Datasets: the frozen ones, the form that freezes one more, and what one of them looks like."""

from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import FileResponse, HttpResponse
from django.views.decorators.http import require_GET
from quarterdeck.bars import INTERVAL_MS

from apps.access import selectors, services
from apps.access.states import Permission
from apps.common.errors import NotFound
from apps.console import pages
from apps.console.forms import DatasetForm
from apps.console.pages import Request
from apps.console.selectors import datasets as shown
from apps.console.selectors import markets as listed
from apps.console.selectors import people
from apps.markets import selectors as markets
from apps.markets import services as frozen
from apps.markets.models import Dataset, Instrument

PAGE_SIZE = 50


def index(request: Request) -> HttpResponse:
    """All datasets, and the form that freezes a file."""
    found = shown.visible(request.user, request.GET.get("q", "")[:60])
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "shown": [(row, shown.interval_of(row)) for row in page.object_list],
        "may_freeze": shown.may_freeze(request.user),
        "choices": listed.choices(request.user),
        "intervals": list(INTERVAL_MS),
        "rows_max": settings.DATASET_ROWS_MAX,
    }
    return pages.show(request, "console/datasets.html", context)


@pages.acts_on(index)
def upload(request: Request) -> HttpResponse:
    """Freeze a CSV file of bars, all of it or nothing."""
    if not shown.may_freeze(request.user):
        services.require(request.user, Permission.BUILD, selectors.firm().scope)
    values = pages.cleaned(DatasetForm(request.POST, request.FILES))
    instrument = Instrument.objects.filter(symbol=values.pop("instrument")).first()
    if instrument is None:
        raise NotFound("INSTRUMENT_UNKNOWN", "there is no such instrument: choose one of the list")
    interval_ms, stream = INTERVAL_MS[values.pop("interval")], values.pop("file")
    made = frozen.upload_dataset(
        instrument=instrument, interval_ms=interval_ms, stream=stream, actor=request.user, **values
    )
    return pages.done(request, f"{made} is frozen", "dataset", made.pk)


@require_GET
def show(request: Request, dataset_id: UUID) -> HttpResponse:
    """One dataset: its profile, its chart, who froze it, and what used it."""
    dataset, table = _find(request, dataset_id), request.GET.get("table", "")
    table = table if table in shown.TABLES else shown.GAPS
    profile, record = markets.profile_of(dataset), shown.frozen_by(dataset)
    lines = shown.findings(profile, table) if profile else []
    context = {
        "dataset": dataset,
        "interval": shown.interval_of(dataset),
        "profile": profile,
        "record": record,
        "names": people.names_of([record.actor] if record else []),
        "chart": shown.chart(profile) if profile else None,
        "table": table,
        "page": Paginator(lines, PAGE_SIZE).get_page(request.GET.get("page")),
        "uses": shown.uses(dataset, request.user),
        "feeds": list(dataset.feed_set.order_by("name")),
    }
    return pages.show(request, "console/dataset.html", context)


@require_GET
def download(request: Request, dataset_id: UUID) -> FileResponse:
    """The bytes that were frozen."""
    dataset = _find(request, dataset_id)
    path = markets.file_of(dataset)
    headers = {"Cache-Control": "private, no-store"}
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"{dataset.sha256[:16]}.csv", headers=headers)


def _find(request: Request, dataset_id: UUID) -> Dataset:
    found = shown.visible(request.user).filter(pk=dataset_id).first()
    if found is None:
        raise NotFound("NOT_FOUND", "no such dataset within your reach: check the address, or ask for access")
    return found
