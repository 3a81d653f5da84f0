"""Endpoints of the audit trail. They live here because audit stands below access, which knows its readers."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import selectors, services
from apps.access.api import trail
from apps.access.api.base import Endpoint, ReadEndpoint
from apps.access.api.trail_serializers import HistoryShown, RecordShown
from apps.access.states import Permission
from apps.audit.models import Record
from apps.common.api.filters import filter_set
from apps.common.api.pagination import NewestFirst


class RecordViews(ReadEndpoint):
    """Who did what to what, and why (needs `audit`)."""

    queryset = Record.objects.all()
    serializer_class = RecordShown
    filterset_class = filter_set(Record, ids=("object_id", "scope_id"), exact=("act", "actor", "object_kind"))

    def reachable(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Records on scopes that the caller may audit; records on none for auditors of the firm."""
        seen = Q(scope_id__in=selectors.visible_scope_ids(self.caller, Permission.AUDIT))
        if services.may(self.caller, Permission.AUDIT, selectors.firm().scope):
            seen |= Q(scope_id__isnull=True)
        return rows.filter(seen)


class NewestChange(NewestFirst):
    """History rows, newest first."""

    ordering = "-history_id"


class HistoryView(Endpoint):
    """Every version of one object, with actor and reason."""

    queryset = Record.objects.none()
    serializer_class = HistoryShown
    pagination_class = NewestChange
    filterset_class = None

    @extend_schema(operation_id="audit_history_list", responses={200: HistoryShown(many=True)}, filters=False)
    def list(self, request: Request, label: str, object_id: UUID) -> Response:
        """The history of `app.model` with that id (needs `audit` on its scope, else it does not exist)."""
        rows = trail.history_of(label, object_id)
        newest = rows.first()
        if newest is None:
            raise Http404
        scope = trail.scope_of(newest.instance)
        if not services.may(self.caller, Permission.VIEW, scope):
            raise Http404
        self.allow(scope, Permission.AUDIT)
        return self.listed(rows, HistoryShown)
