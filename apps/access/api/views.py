"""Endpoints of the firm, desks, risk buckets and consents."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import selectors, services
from apps.access.api import serializers as shapes
from apps.access.api.base import ReadEndpoint, SharedEndpoint
from apps.access.models import Consent, Desk, Firm, RiskBucket
from apps.access.states import Permission
from apps.common.api.filters import filter_set


class FirmView(SharedEndpoint):
    """The firm."""

    queryset = Firm.objects.select_related("scope")
    serializer_class = shapes.FirmShown

    @extend_schema(operation_id="firm_retrieve")
    def show(self, request: Request) -> Response:
        """The one firm of this installation, for whoever has a role in it."""
        firm = self.get_queryset().first()
        if firm is None:
            raise Http404
        return self.shown(firm)


class DeskViews(ReadEndpoint):
    """Desks."""

    queryset = Desk.objects.select_related("scope")
    serializer_class = shapes.DeskShown
    filterset_class = filter_set(Desk, exact=("name",))

    @extend_schema(request=shapes.NewDesk, responses={201: shapes.DeskShown})
    def create(self, request: Request) -> Response:
        """Make a desk (needs `administer` on the firm)."""
        self.allow(selectors.firm().scope, Permission.ADMINISTER)
        body = self.asked(shapes.NewDesk)
        reason = body["reason"] or f"new desk {body['name']}"
        return self.shown(services.make_desk(name=body["name"], actor=self.caller, reason=reason), 201)


class BucketViews(ReadEndpoint):
    """Risk buckets."""

    queryset = RiskBucket.objects.select_related("scope", "desk")
    serializer_class = shapes.BucketShown
    filterset_class = filter_set(RiskBucket, ids=("desk",), exact=("name",))

    @extend_schema(request=shapes.NewBucket, responses={201: shapes.BucketShown})
    def create(self, request: Request) -> Response:
        """Make a risk bucket (needs `administer` on its desk)."""
        body = self.asked(shapes.NewBucket)
        desk = self.referred(Desk.objects.select_related("scope"), body["desk"])
        self.allow(desk.scope, Permission.ADMINISTER)
        reason = body["reason"] or f"new risk bucket {body['name']}"
        made = services.make_bucket(desk=desk, name=body["name"], actor=self.caller, reason=reason)
        return self.shown(made, 201)


class ConsentViews(ReadEndpoint):
    """Requests that several people must grant; votes are cast on what they are about."""

    queryset = Consent.objects.select_related("scope").prefetch_related("votes")
    serializer_class = shapes.ConsentShown
    filterset_class: Any = filter_set(Consent, ids=("object_id", "scope"), exact=("state", "act", "object_kind"))
