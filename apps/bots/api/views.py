"""Endpoints of strategies and bots."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import Endpoint, ReadEndpoint, SharedEndpoint
from apps.access.models import RiskBucket, User
from apps.access.states import Permission
from apps.bots import services
from apps.bots.api import serializers as shapes
from apps.bots.models import Bot, Strategy
from apps.common.api.filters import filter_set


class StrategyViews(ReadEndpoint):
    """Strategies."""

    queryset = Strategy.objects.select_related("bucket", "scope")
    serializer_class = shapes.StrategyShown
    filterset_class = filter_set(Strategy, ids=("bucket",), exact=("name",))

    @extend_schema(request=shapes.NewStrategy, responses={201: shapes.StrategyShown})
    def create(self, request: Request) -> Response:
        """Make a strategy (needs `build` on its risk bucket)."""
        body = self.asked(shapes.NewStrategy)
        bucket = self.referred(RiskBucket.objects.select_related("scope"), body["bucket"])
        self.allow(bucket.scope, Permission.BUILD)
        reason = body["reason"] or f"new strategy {body['name']}"
        made = services.make_strategy(name=body["name"], bucket=bucket, actor=self.caller, reason=reason)
        return self.shown(made, 201)


class OwnerEndpoint(Endpoint):
    """Where owners are named."""

    def person(self, reference: str) -> User:
        """The person of that id or sign-in name (REFERENCE_NOT_FOUND)."""
        found: User = self.referred(User.objects.all(), reference, path=None, name="username")
        return found

    def new_owners(self) -> dict[str, Any]:
        """Whom the body names as owners, by whom and why."""
        body = self.asked(shapes.HandOver)
        pair = {name: self.person(body[name]) for name in ("owner", "fallback_owner")}
        return pair | {"actor": self.caller, "reason": body["reason"]}


class BotViews(OwnerEndpoint, ReadEndpoint):
    """Bots."""

    queryset = Bot.objects.select_related("strategy", "owner", "fallback_owner", "scope")
    serializer_class = shapes.BotShown
    filterset_class = filter_set(Bot, ids=("strategy", "owner", "fallback_owner"), exact=("name", "stage"))

    @extend_schema(request=shapes.NewBot, responses={201: shapes.BotShown})
    def create(self, request: Request) -> Response:
        """Make a bot with its owners and blast radius (needs `build` on its strategy)."""
        body = self.asked(shapes.NewBot)
        strategy = self.referred(Strategy.objects.select_related("scope"), body["strategy"])
        self.allow(strategy.scope, Permission.BUILD)
        made = services.make_bot(
            strategy=strategy,
            name=body["name"],
            owner=self.person(body["owner"]),
            fallback_owner=self.person(body["fallback_owner"]),
            symbols=body["symbols"],
            accounts=body["accounts"],
            actor=self.caller,
            reason=body["reason"] or f"new bot {body['name']}",
        )
        return self.shown(made, 201)

    @extend_schema(request=shapes.HandOver, responses={200: shapes.BotShown})
    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, request: Request, pk: str) -> Response:
        """Give a bot other owners (needs `administer` on it, or to be one of its present owners).

        Refusals: OWNERS_INVALID, OWNER_CANNOT_SEE.
        """
        bot = self.get_object()
        services.require_may_hand_over(self.caller, bot)
        return self.shown(services.hand_over(bot=bot, **self.new_owners()))


class LeaverViews(OwnerEndpoint, SharedEndpoint):
    """The bots of somebody who leaves."""

    queryset = User.objects.all()
    serializer_class = shapes.BotShown
    pagination_class = None

    @extend_schema(request=shapes.HandOver, responses={200: shapes.BotShown(many=True)}, filters=False)
    def hand_over(self, request: Request, pk: str) -> Response:
        """Hand over all the bots of a person that you see, or none (each needs what handing it over alone needs).

        `owner` takes the person's place where they own a bot, `fallback_owner` where they back one; whoever is active
        in the other place stays. Refusals: BOTS_NOT_FOUND, OWNERS_INVALID, OWNER_CANNOT_SEE.
        """
        person = self.get_object()
        services.require_may_hand_over_all(person, self.caller)
        bots = services.hand_over_all(person=person, **self.new_owners())
        return Response(self.get_serializer(bots, many=True).data)
