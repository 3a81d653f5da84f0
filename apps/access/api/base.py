"""The bases of every endpoint: reach, permission, idempotency, rendering."""

from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework import mixins, viewsets
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from apps.access import selectors, services
from apps.access.api.idempotency import Idempotent
from apps.access.models import Scope, User
from apps.access.states import Permission
from apps.common.api.parsers import BoundedJSONParser
from apps.common.errors import NotFound


class Endpoint(Idempotent, viewsets.GenericViewSet):
    """Objects that hang on the scope tree: what the caller may not view does not exist for them.

    `scope_path` leads from the object to its scope (`bot__scope`).
    """

    scope_path = "scope"
    parser_classes: Any = [BoundedJSONParser]

    def get_queryset(self) -> QuerySet[Any]:
        """Only what the caller may view."""
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        return self.reachable(rows)

    def reachable(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows below scopes that the caller may view."""
        return selectors.within(rows, self.caller, self.scope_path, permission=Permission.VIEW)

    @property
    def caller(self) -> User:
        """Who asks: they act, and their permissions decide."""
        return self.request.user  # type: ignore[return-value]

    def scope_of(self, target: Any) -> Scope:
        """The scope that `target` hangs on."""
        return attrgetter(self.scope_path.replace("__", "."))(target)

    def allow(self, scope: Scope, *permissions: Permission) -> None:
        """Refuse (PERMISSION_DENIED) unless the caller has one of `permissions` on `scope`."""
        held = [one for one in permissions if services.may(self.caller, one, scope)]
        if not held:
            services.require(self.caller, permissions[0], scope)

    def target(self, *permissions: Permission) -> Any:
        """The object of the URL, on which the caller has one of `permissions`; 404 when out of reach."""
        found = self.get_object()
        self.allow(self.scope_of(found), *permissions)
        return found

    def asked(self, serializer: type[BaseSerializer]) -> dict[str, Any]:
        """The body as checked by `serializer`."""
        parsed = serializer(data=self.request.data, context=self.get_serializer_context())
        parsed.is_valid(raise_exception=True)
        return parsed.validated_data

    def referred(self, rows: QuerySet[Any], reference: str, *, path: str | None = "scope", name: str = "name") -> Any:
        """The object of `rows` with this id or name within the caller's reach (REFERENCE_NOT_FOUND)."""
        reach = rows if path is None else selectors.within(rows, self.caller, path, permission=Permission.VIEW)
        found = reach.filter(**by_reference(reference, name)).first()
        if found is None:
            kind = rows.model._meta.verbose_name
            raise NotFound("REFERENCE_NOT_FOUND", f"no {kind} {reference!r} within your reach", kind=str(kind))
        return found

    def shown(self, target: Model, status: int = 200) -> Response:
        """The object as this endpoint shows it."""
        return Response(self.get_serializer(target).data, status)

    def listed(self, rows: QuerySet[Any], serializer: type[BaseSerializer]) -> Response:
        """One page of `rows`."""
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer(page, many=True).data)


class ReadEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """A list and its objects."""


class SharedEndpoint(ReadEndpoint):
    """Reference data of the whole firm: whoever may view anything may view it."""

    def reachable(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """All rows, or none for a caller without any grant."""
        return rows if selectors.visible_scope_ids(self.caller, Permission.VIEW) else rows.none()


def by_reference(reference: str, name: str) -> dict[str, Any]:
    """The filter that finds an object by id when `reference` is one, else by `name`."""
    try:
        return {"pk": UUID(reference)}
    except ValueError:
        return {name: reference}
