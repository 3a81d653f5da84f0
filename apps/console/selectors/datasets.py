"""Datasets as people look at them: what they hold, what stands out in them, who froze them, what used them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from quarterdeck.bars import INTERVAL_MS

from apps.access import selectors as access
from apps.access.models import User
from apps.access.states import Permission
from apps.audit.models import Record
from apps.common.clocks import from_ms
from apps.console.selectors.backtests import SCOPE
from apps.markets.models import Dataset, DatasetProfile
from apps.runtime import selectors as runtime
from apps.runtime.models import Backtest

MARKS_MAX = 200
USES_SHOWN = 20
INTERVALS = {interval_ms: name for name, interval_ms in INTERVAL_MS.items()}
TABLES = ("gaps", "outliers", "idle", "flat")
GAPS, OUTLIERS = TABLES[:2]


def visible(user: User, text: str = "") -> QuerySet[Dataset]:
    """Datasets, newest first: all of them for whoever may view anything."""
    rows = Dataset.objects.select_related("instrument", "profile").order_by("-id")
    if not access.visible_scope_ids(user, Permission.VIEW):
        return rows.none()
    return rows.filter(name__icontains=text) | rows.filter(instrument__symbol__icontains=text) if text else rows


def may_freeze(user: User) -> bool:
    """Whether the person may freeze a file: whoever builds anywhere may."""
    return bool(access.visible_scope_ids(user, Permission.BUILD))


def frozen_by(dataset: Dataset) -> Record | None:
    """Who froze it, when and why."""
    return Record.objects.filter(act="dataset.frozen", object_id=dataset.pk).first()


def interval_of(dataset: Dataset) -> str:
    """Its interval as people write it."""
    return INTERVALS.get(dataset.interval_ms, f"{dataset.interval_ms} ms")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a table: a stretch of time, or a bar, and what is special about it."""

    since: datetime
    until: datetime | None = None
    bars: int | None = None
    was_open: bool = False
    close: float | None = None
    move_percent: float | None = None
    score: float | None = None


def findings(profile: DatasetProfile, table: str) -> Sequence[Finding]:
    """The lines of a table of TABLES."""
    if table == GAPS:
        return [Finding(from_ms(a), from_ms(b), bars, was_open) for a, b, bars, was_open in profile.gaps]
    if table == OUTLIERS:
        return [
            Finding(from_ms(at), close=close, move_percent=round(move * 100, 2), score=score)
            for at, close, move, score in profile.outliers
        ]
    runs = profile.idle_runs if table == "idle" else profile.flat_runs
    return [Finding(from_ms(a), from_ms(b), bars) for a, b, bars in runs]


def chart(profile: DatasetProfile) -> dict[str, Any]:
    """The close line with its marks, as the chart draws it."""
    open_gaps = [gap for gap in profile.gaps if gap[3]]
    marks = [{"at": gap[1], "kind": "gap", "text": f"{gap[2]} missing"} for gap in open_gaps[:MARKS_MAX]]
    marks += [{"at": row[0], "kind": "outlier", "text": ""} for row in profile.outliers[:MARKS_MAX]]
    return {"points": profile.points, "marks": marks}


def uses(dataset: Dataset, user: User) -> list[Backtest]:
    """The newest backtests over it within the person's reach."""
    rows = runtime.results().filter(dataset=dataset)
    return list(access.within(rows, user, SCOPE).order_by("-id")[:USES_SHOWN])
