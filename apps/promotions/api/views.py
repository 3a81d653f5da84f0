"""Endpoints of promotions and policies."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint, SharedEndpoint
from apps.access.states import Permission
from apps.common import nudges
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Act, Ballot, ReasonedAct
from apps.common.errors import Refused
from apps.promotions import services
from apps.promotions.api import serializers as shapes
from apps.promotions.models import Policy, Promotion
from apps.promotions.states import PromotionState
from apps.releases.models import Release
from apps.venues.models import Account

EXAMPLE = OpenApiExample(
    "To paper",
    request_only=True,
    value={
        "release": "01980000-0000-7000-8000-000000000001",
        "account": "paper-crypto",
        "stage": "simulated_execution",
        "environment": "paper",
        "capital": "50000",
        "reason": "Backtest passed; start on paper",
    },
)


class PolicyViews(SharedEndpoint):
    """Promotion policies."""

    queryset = Policy.objects.all()
    serializer_class = shapes.PolicyShown
    filterset_class = filter_set(Policy, exact=("stage", "environment"), created=False)


class PromotionViews(ReadEndpoint):
    """Promotions."""

    queryset = Promotion.objects.select_related("bot__scope", "account", "release")
    serializer_class = shapes.PromotionShown
    filterset_class = filter_set(Promotion, ids=("bot", "release", "account"), exact=("state", "stage", "environment"))
    scope_path = "bot__scope"

    @extend_schema(request=shapes.NewPromotion, responses={201: shapes.PromotionShown}, examples=[EXAMPLE])
    def create(self, request: Request) -> Response:
        """Ask for a promotion (needs `build` on the bot); its gates start at once."""
        body = self.asked(shapes.NewPromotion)
        releases = Release.objects.select_related("bot__scope", "code_version", "config_bundle", "parameter_set")
        release = self.referred(releases, str(body["release"]), path="bot__scope", name="pk")
        self.allow(release.bot.scope, Permission.BUILD)
        accounts = Account.objects.select_related("venue", "bucket")
        made = services.request(
            release=release,
            account=self.referred(accounts, body["account"], path="bucket__scope"),
            stage=body["stage"],
            environment=body["environment"],
            capital=body["capital"],
            actor=self.caller,
            reason=body["reason"],
        )
        return self.shown(made, 201)

    @extend_schema(request=Ballot, responses={200: shapes.PromotionShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Approve or deny (needs `vote_trader` or `vote_risk`); the requester may not (VOTE_EXCLUDED)."""
        promotion = self.target(Permission.VOTE_TRADER, Permission.VOTE_RISK)
        body = self.asked(Ballot)
        return self.shown(services.vote(promotion=promotion, actor=self.caller, **body))

    @extend_schema(request=ReasonedAct, responses={200: shapes.PromotionShown})
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take the request back (needs `build`)."""
        promotion = self.target(Permission.BUILD)
        reason = self.asked(ReasonedAct)["reason"]
        return self.shown(services.withdraw(promotion=promotion, actor=self.caller, reason=reason))

    @extend_schema(request=Act, responses={202: shapes.PromotionShown})
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str) -> Response:
        """Hurry an approved promotion to its deployment (needs `build`); it happens without asking, too.

        A promotion that is neither approved nor applied is refused (PROMOTION_NOT_APPROVED).
        """
        promotion = self.target(Permission.BUILD)
        self.asked(Act)
        if promotion.state not in (PromotionState.APPROVED, PromotionState.APPLIED):
            raise Refused("PROMOTION_NOT_APPROVED", f"{promotion} is {promotion.state}", state=promotion.state)
        nudges.wake("rollouts.apply_due")
        return self.shown(promotion, 202)
