"""Endpoints of backtests."""

from rest_framework.serializers import BaseSerializer

from apps.access.api.base import ReadEndpoint
from apps.common.api.filters import filter_set
from apps.runtime.api.serializers import BacktestShown, BacktestWithEquity
from apps.runtime.models import Backtest


class BacktestViews(ReadEndpoint):
    """Backtests; one alone comes with its equity curve."""

    queryset = Backtest.objects.select_related("code_version__bot__scope")
    serializer_class = BacktestShown
    filterset_class = filter_set(Backtest, ids=("code_version", "code_version__bot", "dataset"))
    scope_path = "code_version__bot__scope"

    def get_serializer_class(self) -> type[BaseSerializer]:
        """The long form for one, the short form for lists."""
        return BacktestWithEquity if self.action == "retrieve" else BacktestShown
