"""Endpoints of orders, fills and positions."""

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import services as access
from apps.access.api.base import ReadEndpoint
from apps.access.models import Scope, User
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.schema import PROBLEM
from apps.common.api.serializers import ReasonedAct
from apps.common.errors import Invalid, NotFound, Refused
from apps.deployments import selectors as deployments
from apps.deployments.models import Deployment
from apps.execution import services
from apps.execution.api import serializers as shapes
from apps.execution.api.settle_views import OrderSettling
from apps.execution.models import BotSession, Fill, Order, Position
from apps.execution.states import OrderState
from apps.markets.models import Instrument

EXAMPLE = OpenApiExample(
    "Buy at a limit",
    request_only=True,
    value={
        "deployment": "01980000-0000-7000-8000-000000000002",
        "instrument": "BTC-USD",
        "side": "BUY",
        "quantity": "0.25",
        "order_type": "LIMIT",
        "limit_price": "61250.5",
        "time_in_force": "GTC",
        "purpose": "OPENING",
    },
)


REPLACE_EXAMPLE = OpenApiExample("A lower price", request_only=True, value={"limit_price": "61200", "reason": "chase"})


def order_id_of(caller: User, key: str) -> UUID:
    """From caller and key, so that a retry finds the same order even without its stored answer."""
    return uuid5(NAMESPACE_URL, f"quarterdeck:{caller.pk}:{key}")


class OrderViews(OrderSettling):
    """Orders."""

    queryset = Order.objects.select_related("bot__scope", "instrument")
    serializer_class = shapes.OrderShown
    filterset_class = filter_set(
        Order,
        ids=("bot", "account", "deployment", "instrument", "client_order_id", "cycle"),
        exact=("state", "side", "purpose"),
    )
    scope_path = "bot__scope"
    key_required_for = frozenset({"create"})
    # Each order is cancelled in a transaction of its own: together they would hold the books of every scope.
    commits_itself = frozenset({"cancel_all"})

    @extend_schema(
        request=shapes.NewOrder,
        responses={201: shapes.OrderShown, 429: OpenApiResponse(PROBLEM, description="Far above the bot's rate")},
        examples=[EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        """Place an order (needs `trade`); people leave positions by `positions/{id}/close`.

        It is checked before it is stored as accepted for sending; one that fails the check is kept as DENIED
        and answered 409 ORDER_DENIED with its codes. The Idempotency-Key is required. A program whose orders keep
        being denied for their rate is answered 429 RATE_ABOVE_LIMIT, and nothing more of it is kept in that minute.
        """
        body = self.asked(shapes.NewOrder)
        ticket = self._ticket(body, client_order_id=body["client_order_id"] or self._client_order_id())
        reason = body["reason"] or f"{body['side']} {body['purpose']} by API"
        order = services.place(ticket=ticket, actor=self.caller, reason=reason)
        if order.state == OrderState.DENIED:
            raise Refused(
                "ORDER_DENIED",
                "the pre-trade check denied this order",
                codes=order.codes,
                order=str(order.pk),
            )
        return self.shown(order, 201)

    @extend_schema(request=shapes.NewOrder, responses={200: shapes.PreviewShown}, examples=[EXAMPLE])
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What placing this order would say now (needs `trade`): every check, nothing stored or counted."""
        judged = services.preview(ticket=self._ticket(self.asked(shapes.NewOrder)))
        return Response(shapes.PreviewShown(judged).data)

    @extend_schema(request=shapes.ReplaceAsked, responses={202: shapes.OrderShown}, examples=[REPLACE_EXAMPLE])
    @action(detail=True, methods=["post"])
    def replace(self, request: Request, pk: str) -> Response:
        """Ask the venue for new terms of a resting order (needs `trade` or `exit`); what is left out stays.

        With `exit` alone a person may ask for what adds no risk: less of an opening order at its prices, a
        protective order that guards at least as much (no fewer units, no price further from the market), any terms of
        an exit that pass the exit profile (PERMISSION_DENIED). Less of an opening order at its prices passes holds,
        pauses and limits where the venue changes the order itself; other terms pass every check. The old terms hold
        until the venue agrees (REPLACE_NOT_RESTING, VENUE_CANNOT, NOTHING_CHANGED, QUANTITY_FILLED, ORDER_DENIED).
        """
        order = self.target(*services.AMENDERS)
        body = self.asked(shapes.ReplaceAsked)
        body["reason"] = body["reason"] or "replaced by API"
        return self.shown(services.amend(order=order, actor=self.caller, **body), 202)

    @extend_schema(request=shapes.CancelAllAsked, responses={202: shapes.CancelAllShown})
    @action(detail=False, methods=["post"], url_path="cancel-all")
    def cancel_all(self, request: Request) -> Response:
        """Cancel every working order below a scope (needs `exit` or `trade` there).

        Opening orders unless `purposes` says more. Protective orders are refused while a hold stands; what was
        refused is listed with its code and stops no other.
        """
        body = self.asked(shapes.CancelAllAsked)
        scope = self.referred(Scope.objects.all(), str(body.pop("scope")), path="id")
        self.allow(scope, Permission.EXIT, Permission.TRADE)
        swept = services.cancel_all_by_hand(scope=scope, actor=self.caller, **body)
        return Response(shapes.CancelAllShown(swept).data, 202)

    @extend_schema(request=ReasonedAct, responses={202: shapes.OrderShown})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ask the venue to cancel it (needs `trade` or `exit`); a fill may still come first."""
        order = self.target(Permission.EXIT, Permission.TRADE)
        reason = self.asked(ReasonedAct)["reason"]
        return self.shown(services.cancel_by_hand(order=order, actor=self.caller, reason=reason), 202)

    @extend_schema(responses={200: shapes.OrderEventShown(many=True)}, filters=False)
    @action(detail=True, methods=["get"])
    def events(self, request: Request, pk: str) -> Response:
        """Every transition of the order, newest first."""
        return self.listed(self.get_object().events.all(), shapes.OrderEventShown)

    def _ticket(self, body: dict[str, Any], client_order_id: UUID | None = None) -> services.Ticket:
        deployment = self._traded(body["deployment"])
        self.allow(deployment.bot.scope, Permission.TRADE)
        instrument = deployment.instrument
        return services.Ticket(
            deployment=deployment,
            instrument=instrument if instrument.symbol == body["instrument"] else _instrument(body["instrument"]),
            client_order_id=client_order_id,
            is_reduce_only=body["reduce_only"],
            is_post_only=body["post_only"],
            is_extended_hours=body["extended_hours"],
            session=self._session(deployment, body["session"]),
            **{name: body[name] for name in services.TERMS if name in body},
        )

    def _traded(self, pk: UUID) -> Deployment:
        """The deployment, when the caller may view its bot: by its lineage, without a list of scopes."""
        found = deployments.traded(pk)
        if found is None or not access.may(self.caller, Permission.VIEW, found.bot.scope):
            raise NotFound("REFERENCE_NOT_FOUND", f"no deployment {pk} within your reach", kind="deployment")
        return found

    def _session(self, deployment: Deployment, pk: UUID | None) -> BotSession | None:
        """The session that the order names, if it is one of this deployment that the caller opened."""
        if pk is None:
            return None
        return BotSession.objects.filter(pk=pk, deployment=deployment, opened_by=self.caller).first()

    def _client_order_id(self) -> UUID:
        return order_id_of(self.caller, self.request.headers["Idempotency-Key"])


class FillViews(ReadEndpoint):
    """Fills."""

    queryset = Fill.objects.select_related("bot__scope", "instrument")
    serializer_class = shapes.FillShown
    filterset_class = filter_set(Fill, ids=("bot", "account", "order", "instrument"), exact=("side", "trade_id"))
    scope_path = "bot__scope"


class PositionViews(ReadEndpoint):
    """Positions."""

    queryset = Position.objects.select_related("bot__scope", "instrument")
    serializer_class = shapes.PositionShown
    filterset_class = filter_set(Position, ids=("bot", "account", "instrument"), created=False)
    scope_path = "bot__scope"
    commits_itself = frozenset({"close"})

    @extend_schema(request=shapes.CloseAsked, responses={201: shapes.OrderShown})
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Close a position by hand, all or in part (needs `exit`); it passes every hold.

        The size comes from the venue's own record, never across zero (POSITION_FLAT, EXIT_EXCEEDS_POSITION).
        With a limit price it goes out even when the feed is stale.
        """
        position = self.target(Permission.EXIT)
        body = self.asked(shapes.CloseAsked)
        own = {"bot": position.bot_id, "account": position.account_id, "instrument": position.instrument_id}
        deployment = Deployment.objects.filter(**own).latest("id")
        known = self.request.headers.get("Idempotency-Key")
        order = services.close_position(
            deployment=deployment,
            actor=self.caller,
            client_order_id=order_id_of(self.caller, known) if known else None,
            **body,
        )
        return Response(shapes.OrderShown(order).data, 201)


def _instrument(symbol: str) -> Instrument:
    found = Instrument.objects.filter(symbol=symbol).first()
    if found is None:
        raise Invalid("INSTRUMENT_UNKNOWN", f"there is no instrument {symbol!r}", symbol=symbol)
    return found
