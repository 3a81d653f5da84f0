"""What was said to the venue about an order, and settling one that only the venue's desk can tell about."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.states import Permission
from apps.common.api.serializers import Ballot
from apps.execution import services
from apps.execution.api import settle_serializers as shapes
from apps.venues import selectors as venues


class OrderSettling(ReadEndpoint):
    """Orders as the venue and people know them; the base of the endpoint of orders."""

    @extend_schema(responses={200: shapes.VenueMessageShown(many=True)}, filters=False)
    @action(detail=True, methods=["get"])
    def messages(self, request: Request, pk: str) -> Response:
        """What was said to the venue about the order and what it answered, newest first, without secrets."""
        order = self.get_object()
        return self.listed(venues.messages_of(order.account_id, order.client_order_id), shapes.VenueMessageShown)

    @extend_schema(request=shapes.SettlementAsked, responses={201: shapes.SettlementShown})
    @action(detail=True, methods=["post"])
    def settle(self, request: Request, pk: str) -> Response:
        """State what the venue's desk said of an order that needs a person (needs `operate`).

        `accepted` holds at once. Anything else frees what the order reserves: a second person votes on it.
        Refused with ORDER_NOT_IN_DOUBT, SETTLEMENT_OPEN, OUTCOME_IMPOSSIBLE where the order's state excludes it,
        VENUE_SAYS_OPEN where the venue itself last said that the order is open: then only `accepted` can be stated.
        """
        order = self.target(Permission.OPERATE)
        asked = services.settle_by_person(order=order, actor=self.caller, **self.asked(shapes.SettlementAsked))
        return Response(shapes.SettlementShown(asked).data, 201)

    @extend_schema(request=Ballot, responses={200: shapes.SettlementShown})
    @action(detail=True, methods=["post"], url_path="settle/votes", url_name="settle-votes")
    def settle_votes(self, request: Request, pk: str) -> Response:
        """Grant or deny the order's settlement (needs `vote_risk`); whoever stated it may not (VOTE_EXCLUDED)."""
        order = self.target(Permission.VOTE_RISK)
        voted = services.vote_settlement(order=order, actor=self.caller, **self.asked(Ballot))
        return Response(shapes.SettlementShown(voted).data)
