"""Backtests: what runs and what came of it, the form that asks for one, and two of them side by side."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from apps.access import services as access
from apps.access.states import Permission
from apps.bots.models import CodeVersion, ParameterSet
from apps.common.errors import NotFound
from apps.console import exports, pages
from apps.console.forms import BacktestForm, ReasonForm, WindowForm
from apps.console.pages import Request
from apps.console.selectors import backtests as shown
from apps.markets.models import Dataset
from apps.runtime import selectors, services
from apps.runtime.models import Backtest, BacktestRun
from apps.runtime.states import OPEN, BacktestState

PAGE_SIZE = 50
FILLS_SIZE = 50


@require_GET
def index(request: Request) -> HttpResponse:
    """What was asked for within reach, newest first."""
    bot, state = request.GET.get("bot", "")[:60], request.GET.get("state", "")
    found = shown.visible_runs(request.user, bot, state if state in BacktestState.values else "")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "shown": [shown.RunView(run) for run in page.object_list],
        "states": BacktestState.values,
        "may_ask": shown.buildable_bots(request.user).exists(),
    }
    return pages.show(request, "console/backtests.html", context, {"backtest-list": "console/_backtests.html"})


def new(request: Request) -> HttpResponse:
    """The form: first the bot, then what of it is run over what."""
    values = request.POST or request.GET
    bots = shown.buildable_bots(request.user)
    bot = bots.filter(name=values.get("bot", "")[:60]).first()
    context = {
        "bots": bots,
        "choices": shown.choices(bot, _uuid(request.GET.get("release", ""))) if bot else None,
        "costs": selectors.USUAL_COSTS,
        "seed": selectors.USUAL_SEED,
        "cash": selectors.USUAL_CASH,
    }
    return pages.show(request, "console/backtest_new.html", context)


@pages.acts_on(new)
def ask(request: Request) -> HttpResponse:
    """Ask for a backtest."""
    form = BacktestForm(request.POST)
    code_id = _uuid(request.POST.get("code_version", ""))
    codes = CodeVersion.objects.select_related("bot__scope")
    code = pages.reach(request, codes, "bot__scope", pk=code_id)
    access.require(request.user, Permission.BUILD, code.bot.scope)
    values = pages.cleaned(form)
    parameters = pages.reach(request, ParameterSet.objects.all(), "bot__scope", pk=values["parameter_set"])
    run = services.request_backtest(
        code_version=code,
        parameter_set=parameters,
        dataset=_dataset(values["dataset"]),
        seed=values["seed"],
        starting_cash=values["starting_cash"],
        simulation=form.simulation,
        actor=request.user,
        reason=values["reason"],
    )
    return pages.done(request, "The backtest waits for a worker", "backtest", run.pk)


def _dataset(name: str) -> Dataset:
    found = Dataset.objects.select_related("instrument").filter(name=name).first()
    if found is None:
        raise NotFound("DATASET_UNKNOWN", "there is no such dataset: choose one of the list")
    return found


def show(request: Request, backtest_id: UUID) -> HttpResponse:
    """One backtest: how far it is, or what it came to; a gate's result has no run."""
    run, result = _find(request, backtest_id)
    subject: Any = result or run
    context = {
        "run": run,
        "result": result,
        "subject": subject,
        "bot": subject.code_version.bot,
        "may_cancel": run is not None and run.state in OPEN and _may_build(request, run),
        **(_of_result(request, result) if result else {}),
    }
    return pages.show(request, "console/backtest.html", context, {"backtest": "console/_backtest.html"})


def _of_result(request: Request, result: Backtest) -> dict[str, Any]:
    page = Paginator(result.fills.order_by("number"), FILLS_SIZE).get_page(request.GET.get("page"))
    return {
        "figures": shown.figures(result),
        "drawdown": selectors.drawdown(result),
        "unit": result.dataset.instrument.quote_currency,
        "page": page,
        "others": shown.others(result, request.user),
    }


@pages.acts_on(show)
def cancel(request: Request, backtest_id: UUID) -> HttpResponse:
    """End one that waits or runs."""
    run = pages.reach(request, selectors.runs(), shown.SCOPE, pk=backtest_id)
    access.require(request.user, Permission.BUILD, run.code_version.bot.scope)
    services.cancel_backtest(run=run, actor=request.user, reason=pages.cleaned(ReasonForm(request.POST))["reason"])
    return pages.done(request, "The backtest is cancelled", "backtest", run.pk)


@require_GET
def series(request: Request, backtest_id: UUID) -> JsonResponse:
    """Candles and fills for the chart, of the whole run or between two days."""
    window = WindowForm(request.GET)
    found = selectors.prices(_result(request, backtest_id), *window.bounds_ms)
    return JsonResponse(found, headers={"Cache-Control": "private, no-store"})


@require_GET
def compare(request: Request, backtest_id: UUID) -> HttpResponse:
    """Two results side by side."""
    first = _result(request, backtest_id)
    other = _uuid(request.GET.get("with", ""))
    second = _result(request, other) if other else None
    context = {
        "first": first,
        "second": second,
        "bot": first.code_version.bot,
        "unit": first.dataset.instrument.quote_currency,
        "others": shown.others(first, request.user),
        "figures": shown.differences(first, second) if second else [],
        "unequal": selectors.unequal_inputs(first, second) if second else [],
    }
    return pages.show(request, "console/backtest_compare.html", context)


@require_GET
def trades(request: Request, backtest_id: UUID) -> StreamingHttpResponse:
    """Its fills as CSV."""
    result = _result(request, backtest_id)
    return exports.csv_file("backtest-trades.csv", selectors.FILL_COLUMNS, selectors.fill_lines(result))


@require_GET
def equity(request: Request, backtest_id: UUID) -> StreamingHttpResponse:
    """Its equity curve as CSV."""
    result = _result(request, backtest_id)
    return exports.csv_file("backtest-equity.csv", selectors.EQUITY_COLUMNS, selectors.equity_lines(result))


def _find(request: Request, backtest_id: UUID) -> tuple[BacktestRun | None, Backtest | None]:
    """The run and the result, by the id of either."""
    result = shown.visible_results(request.user).filter(pk=backtest_id).first()
    if result is not None:
        return selectors.runs().filter(result=result).first(), result
    run = pages.reach(request, selectors.runs(), shown.SCOPE, pk=backtest_id)
    kept = None if run.result_id is None else selectors.results().get(pk=run.result_id)
    return run, kept


def _result(request: Request, backtest_id: UUID) -> Backtest:
    result = _find(request, backtest_id)[1]
    if result is None:
        raise NotFound("BACKTEST_UNDONE", "this backtest has no result: wait until it is done")
    return result


def _may_build(request: Request, run: BacktestRun) -> bool:
    return access.may(request.user, Permission.BUILD, run.code_version.bot.scope)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
