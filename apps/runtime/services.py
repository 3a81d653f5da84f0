"""What a worker knows of its own sandbox: probed before its pool starts, reported while it serves."""

import time
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings

from apps.common.clocks import wall_now
from apps.runtime.models import WorkerReport
from apps.runtime.sandbox.probing import ProbeResult, probe

log = structlog.get_logger(__name__)
REPORT_EVERY_S = 15.0


@dataclass(slots=True)
class Examined:
    """A worker and what the probe found; `next_report` is monotonic seconds of this process."""

    worker: str
    result: ProbeResult
    next_report: float = 0.0


_examined: Examined | None = None


def examine_worker(*, worker: str) -> ProbeResult:
    """Let the probe bot attack this worker's sandbox; never raises.

    Call it before the pool forks: its processes inherit the verdict, so that no cycle runs without one.
    """
    global _examined
    _examined = Examined(worker, probe(extra_secrets=_secrets(), extra_sockets=_database_sockets()))
    result = _examined.result
    if not result.passed:
        log.error("sandbox.leaks", worker=worker, leaks=result.leaks)
    return result


def _secrets() -> tuple[Path, ...]:
    found = [*(settings.VAR / "secrets").glob("*"), settings.VAR / "run" / "environment.json"]
    return tuple(path for path in found if path.is_file())


def _database_sockets() -> tuple[Path, ...]:
    found = (settings.VAR / "postgres").glob(".s.PGSQL.*")
    return tuple(path for path in found if path.is_socket())


def is_sandbox_proven() -> bool:
    """Whether the probe bot attacked this worker's sandbox and was refused everything; no verdict is no."""
    return _examined is not None and _examined.result.passed


def worker_name() -> str:
    """The examined worker this process belongs to; empty outside of one."""
    return _examined.worker if _examined else ""


def report_worker() -> bool:
    """Store the verdict and that the worker serves; at most every REPORT_EVERY_S. Whether it was stored."""
    known = _examined
    if known is None or time.monotonic() < known.next_report:
        return False
    result = known.result
    row = WorkerReport(
        worker=known.worker,
        has_passed=result.passed,
        leaks=result.leaks,
        capabilities=result.report.as_dict(),
        reported_at=wall_now(),
    )
    WorkerReport.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["worker"],
        update_fields=["has_passed", "leaks", "capabilities", "reported_at"],
    )
    known.next_report = time.monotonic() + REPORT_EVERY_S
    return True
