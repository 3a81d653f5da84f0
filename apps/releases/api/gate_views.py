"""Endpoints of gates: reports, waivers with their votes, definitions, baselines."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import selectors as access
from apps.access.api.base import ReadEndpoint, SharedEndpoint
from apps.access.services import require_step_up
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Ballot, ReasonedAct
from apps.releases import services
from apps.releases.api import serializers as shapes
from apps.releases.models import Baseline, Gate, GateDefinition, GateWaiver


class GateViews(ReadEndpoint):
    """Gates with their figures and evidence."""

    queryset = Gate.objects.select_related("release__bot__scope", "definition")
    serializer_class = shapes.GateShown
    filterset_class = filter_set(Gate, ids=("release", "release__bot"), exact=("kind", "state"))
    scope_path = "release__bot__scope"

    @extend_schema(request=shapes.GateReported, responses={200: shapes.GateShown})
    @action(detail=True, methods=["post"])
    def report(self, request: Request, pk: str) -> Response:
        """Say what CI has measured (a service account with `build`; REPORT_BY_PERSON for anybody else).

        The definition's thresholds judge it. One Idempotency-Key is one report; a newer report replaces the verdict.
        """
        gate, body = self.target(Permission.BUILD), self.asked(shapes.GateReported)
        reason = body.pop("reason") or f"{gate.kind} reported by {body['tool']}"
        return self.shown(services.report_gate(gate=gate, actor=self.caller, reason=reason, **body))

    @extend_schema(request=shapes.WaiverAsked, responses={201: shapes.GateWaiverShown})
    @action(detail=True, methods=["post"])
    def waive(self, request: Request, pk: str) -> Response:
        """Ask a second person to let it through for a while (needs `build` or `vote_risk` and a fresh sign-in).

        Refused with GATE_NOT_WAIVABLE for facts that nobody agrees away.
        """
        gate = self.target(Permission.BUILD, Permission.VOTE_RISK)
        require_step_up(request)
        made = services.request_waiver(gate=gate, actor=self.caller, **self.asked(shapes.WaiverAsked))
        return Response(shapes.GateWaiverShown(made).data, 201)


class GateWaiverViews(ReadEndpoint):
    """Waivers of gates, asked for and decided."""

    queryset = GateWaiver.objects.select_related("consent", "gate__release__bot__scope")
    serializer_class = shapes.GateWaiverShown
    filterset_class = filter_set(GateWaiver, ids=("gate", "gate__release"))
    scope_path = "gate__release__bot__scope"

    @extend_schema(request=Ballot, responses={200: shapes.GateWaiverShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Let the gate through or deny it (needs `vote_risk` and a fresh sign-in).

        Whoever asked or built may not (VOTE_EXCLUDED). Refused with DIGEST_CHANGED when the gate found something else
        meanwhile.
        """
        waiver = self.target(Permission.VOTE_RISK)
        require_step_up(request)
        return self.shown(services.vote_waiver(waiver=waiver, actor=self.caller, **self.asked(Ballot)))

    @extend_schema(request=ReasonedAct, responses={200: shapes.GateWaiverShown})
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take it back, whether or not it was granted (needs `build` or `vote_risk`): nothing opens by it any more."""
        waiver = self.target(Permission.BUILD, Permission.VOTE_RISK)
        reason = self.asked(ReasonedAct)["reason"]
        return self.shown(services.withdraw_waiver(waiver=waiver, actor=self.caller, reason=reason))


class GateDefinitionViews(SharedEndpoint):
    """What gates are measured against, every version; the newest of a kind is in force."""

    queryset = GateDefinition.objects.all()
    serializer_class = shapes.GateDefinitionShown
    filterset_class = filter_set(GateDefinition, exact=("kind",))

    @extend_schema(request=shapes.NewGateDefinition, responses={201: shapes.GateDefinitionShown})
    def create(self, request: Request) -> Response:
        """Set the next version (needs `administer` or `vote_risk` on the firm and a fresh sign-in); it holds for all.

        Older verdicts are worn for whoever asks from now on; what was voted on keeps what it was judged by.
        """
        self.allow(access.firm().scope, Permission.ADMINISTER, Permission.VOTE_RISK)
        require_step_up(request)
        return self.shown(services.set_definition(actor=self.caller, **self.asked(shapes.NewGateDefinition)), 201)


class BaselineViews(ReadEndpoint):
    """Accepted baselines of backtests."""

    queryset = Baseline.objects.select_related("bot__scope")
    serializer_class = shapes.BaselineShown
    filterset_class = filter_set(Baseline, ids=("bot", "dataset"))
    scope_path = "bot__scope"

    @extend_schema(request=shapes.NewBaseline, responses={201: shapes.BaselineShown})
    def create(self, request: Request) -> Response:
        """Accept a run as baseline (needs `vote_trader` or `vote_risk`); whoever built it may not.

        Refused with BASELINE_BY_BUILDER, BASELINE_NO_RUN, BASELINE_BELOW_FLOORS, BASELINE_OLD_SIMULATOR.
        """
        body = self.asked(shapes.NewBaseline)
        gates = Gate.objects.select_related("release__bot__scope")
        gate = self.referred(gates, str(body["gate"]), path="release__bot__scope", name="pk")
        self.allow(gate.release.bot.scope, Permission.VOTE_TRADER, Permission.VOTE_RISK)
        return self.shown(services.accept_baseline(gate=gate, actor=self.caller, reason=body["reason"]), 201)
