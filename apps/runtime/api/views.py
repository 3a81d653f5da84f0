"""Endpoints of backtests: ask for one, follow it, cancel it, read and compare what it came to."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from apps.access.api.base import ReadEndpoint
from apps.access.states import Permission
from apps.bots.models import CodeVersion, ParameterSet
from apps.common.api.filters import filter_set
from apps.common.api.pagination import NewestFirst
from apps.common.api.serializers import Act
from apps.common.errors import Invalid
from apps.markets.models import Dataset
from apps.runtime import selectors, services
from apps.runtime.api import serializers as shapes
from apps.runtime.models import Backtest, BacktestRun

EXAMPLE = OpenApiExample(
    "A backtest",
    request_only=True,
    value={
        "code_version": "01980000-0000-7000-8000-000000000001",
        "parameter_set": "01980000-0000-7000-8000-000000000002",
        "dataset": "btcusd-1h",
        "seed": 7,
        "starting_cash": "100000",
        "simulation": {"taker_fee_bps": "10", "latency_ms": 250},
        "reason": "is the slower average better?",
    },
)
CSV = {(200, "text/csv"): OpenApiTypes.STR}
OTHER = OpenApiParameter("with", OpenApiTypes.UUID, required=True, description="The second backtest.")


class InOrder(NewestFirst):
    """Pages by number, the first ones first."""

    ordering = "number"


class BacktestViews(ReadEndpoint):
    """Results of backtests; one alone comes with its equity and drawdown curves."""

    queryset = Backtest.objects.select_related("code_version__bot__scope")
    serializer_class = shapes.BacktestShown
    filterset_class = filter_set(Backtest, ids=("code_version", "code_version__bot", "dataset"))
    scope_path = "code_version__bot__scope"

    def get_serializer_class(self) -> type[BaseSerializer]:
        """The long form for one, the short form for lists."""
        return shapes.BacktestWithEquity if self.action == "retrieve" else shapes.BacktestShown

    @extend_schema(request=shapes.NewBacktest, responses={202: shapes.BacktestRunShown}, examples=[EXAMPLE])
    def create(self, request: Request) -> Response:
        """Ask for a backtest (needs `build`); it runs in the sandbox on a worker, and no account is touched.

        Follow it by `backtests/runs/{id}/`. Refused with BACKTESTS_TOO_MANY when too many of the bot have not ended.
        """
        body = self.asked(shapes.NewBacktest)
        codes = CodeVersion.objects.select_related("bot__scope")
        code = self.referred(codes, str(body["code_version"]), path="bot__scope", name="pk")
        self.allow(code.bot.scope, Permission.BUILD)
        parameters = self.referred(ParameterSet.objects.all(), str(body["parameter_set"]), path="bot__scope", name="pk")
        dataset = self.referred(Dataset.objects.select_related("instrument"), body["dataset"], path=None)
        run = services.request_backtest(
            code_version=code,
            parameter_set=parameters,
            dataset=dataset,
            seed=body["seed"],
            starting_cash=body["starting_cash"],
            simulation=body["simulation"],
            actor=self.caller,
            reason=body["reason"] or f"backtest of {code.bot.name} {code.version}",
        )
        return Response(shapes.BacktestRunShown(run).data, 202)

    @extend_schema(responses={200: shapes.BacktestFillShown(many=True)}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=InOrder, filterset_class=None)
    def trades(self, request: Request, pk: str) -> Response:
        """Its fills in the order of the market; `fills_left_out` of the backtest counts those that are not kept."""
        return self.listed(self.get_object().fills.all(), shapes.BacktestFillShown)

    @extend_schema(responses={200: shapes.Comparison}, parameters=[OTHER], filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def compare(self, request: Request, pk: str) -> Response:
        """Two backtests side by side, with what of their inputs and figures differs."""
        first = self.get_object()
        other = request.query_params.get("with", "")
        if not other:
            raise Invalid("BACKTEST_WITH", "name the second backtest by its id: ?with=<id>", field="with")
        second = self.referred(Backtest.objects.all(), other, path=self.scope_path, name="intents_hash")
        both = {"first": first, "second": second, "unequal_inputs": selectors.unequal_inputs(first, second)}
        return Response(shapes.Comparison(both | {"differences": selectors.differences(first, second)}).data)

    @extend_schema(responses=CSV, filters=False)
    @action(detail=True, methods=["get"], url_path="trades/export", pagination_class=None, filterset_class=None)
    def trades_export(self, request: Request, pk: str) -> StreamingHttpResponse:
        """Its fills as CSV."""
        return _csv("trades", selectors.FILL_COLUMNS, selectors.fill_lines(self.get_object()))

    @extend_schema(responses=CSV, filters=False)
    @action(detail=True, methods=["get"], url_path="equity/export", pagination_class=None, filterset_class=None)
    def equity_export(self, request: Request, pk: str) -> StreamingHttpResponse:
        """Its equity curve as CSV."""
        return _csv("equity", selectors.EQUITY_COLUMNS, selectors.equity_lines(self.get_object()))


class BacktestRunViews(ReadEndpoint):
    """Backtests that were asked for: waiting, running with their progress, and ended."""

    queryset = BacktestRun.objects.select_related("code_version__bot__scope")
    serializer_class = shapes.BacktestRunShown
    filterset_class = filter_set(BacktestRun, ids=("code_version", "code_version__bot", "dataset"), exact=("state",))
    scope_path = "code_version__bot__scope"

    @extend_schema(request=Act, responses={200: shapes.BacktestRunShown})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End one that waits or runs (needs `build`); its bot is killed within a second."""
        run = self.target(Permission.BUILD)
        reason = self.asked(Act)["reason"] or "cancelled"
        return self.shown(services.cancel_backtest(run=run, actor=self.caller, reason=reason))


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _csv(name: str, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    """A CSV file that streams; every value is a figure or a time of ours."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield writer.writerow(header)
        for row in rows:
            yield writer.writerow(row)

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=headers)
