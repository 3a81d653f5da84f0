"""What the matrix says of backtests and datasets: the fields of its rules, API and pages."""

from collections.abc import Iterator
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.access.states import Permission as P
from tests.api.world import Side


def _nothing(_: Side) -> dict[str, Any]:
    return {}


def _of(argument: str, name: str) -> Any:
    """The URL argument: the id of the side's object of that name."""
    return lambda side: {argument: getattr(side, name).pk}


def _backtest(side: Side) -> dict[str, Any]:
    """A backtest to ask for."""
    parts = {name: getattr(side, name).pk for name in ("code_version", "parameter_set")}
    costs = {"seed": 1, "starting_cash": "1000"}
    return parts | costs | {"dataset": side.dataset.name}


def _file(side: Side) -> dict[str, Any]:
    """A file of bars that is none."""
    fields = {"name": "new", "instrument": side.instrument.symbol, "interval": "1h", "source": "exchange"}
    return fields | {"file": SimpleUploadedFile("bars.csv", b"no bars")}


def api() -> Iterator[tuple[Any, ...]]:
    """Everything under /api/v1/."""
    run = _of("pk", "backtest_run")
    yield "backtest-run-list", "get", "list"
    yield "backtest-run-detail", "get", "seen", (P.VIEW,), run
    yield "backtest-run-cancel", "post", "act", (P.BUILD,), run
    yield "backtest-list", "post", "act", (P.BUILD,), _nothing, _backtest
    for name in ("trades", "compare", "trades-export", "equity-export"):
        yield f"backtest-{name}", "get", "seen", (P.VIEW,), _of("pk", "backtest")
    for name in ("profile", "file"):
        yield f"dataset-{name}", "get", "shared", (), _of("pk", "dataset")
    yield "dataset-list", "post", "list", (P.BUILD,), _nothing, _file, True


def pages() -> Iterator[tuple[Any, ...]]:
    """The console."""
    for name in ("backtests", "backtest_new", "datasets"):
        yield name, "get", "list"
    for name in ("backtest", "backtest_series", "backtest_compare", "backtest_trades", "backtest_equity"):
        yield name, "get", "seen", (P.VIEW,), _of("backtest_id", "backtest")
    yield "backtest_ask", "post", "act", (P.BUILD,), _nothing, lambda side: _backtest(side) | {"bot": side.bot.name}
    yield "backtest_cancel", "post", "act", (P.BUILD,), _of("backtest_id", "backtest_run")
    for name in ("dataset", "dataset_file"):
        yield name, "get", "shared", (), _of("dataset_id", "dataset")
    yield "dataset_upload", "post", "list", (P.BUILD,), _nothing, _file
