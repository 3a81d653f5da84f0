"""Endpoints of people, service accounts and their roles."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import selectors, services
from apps.access.api import serializers as shapes
from apps.access.api.base import SharedEndpoint
from apps.access.models import RoleGrant, Scope, User
from apps.access.states import Permission, UserKind
from apps.common.api.filters import filter_set
from apps.common.api.serializers import ReasonedAct


class UserViews(SharedEndpoint):
    """People and service accounts: the directory, and who holds which role."""

    queryset = User.objects.all()
    serializer_class = shapes.UserShown
    filterset_class = filter_set(User, exact=("username", "kind", "is_active"))

    @extend_schema(request=shapes.NewUser, responses={201: shapes.UserShown})
    def create(self, request: Request) -> Response:
        """Make a person or a service account (needs `administer` on the firm)."""
        self.allow(selectors.firm().scope, Permission.ADMINISTER)
        return self.shown(_make_user(self.caller, self.asked(shapes.NewUser)), 201)

    @extend_schema(request=ReasonedAct, responses={200: shapes.UserShown})
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        """End a user's access at once (needs `administer` on the firm)."""
        user = self.get_object()
        self.allow(selectors.firm().scope, Permission.ADMINISTER)
        body = self.asked(ReasonedAct)
        services.deactivate(user=user, actor=self.caller, reason=body["reason"])
        return self.shown(user)

    @extend_schema(responses={200: shapes.GrantShown(many=True)}, filters=False)
    @action(detail=True, methods=["get"])
    def grants(self, request: Request, pk: str) -> Response:
        """The roles of a user: all to themselves, else those on scopes that the caller administers or audits."""
        user = self.get_object()
        rows = selectors.role_grants(user)
        if user.pk != self.caller.pk:
            rows = rows.filter(scope__in=self._governed())
        return self.listed(rows, shapes.GrantShown)

    @extend_schema(request=shapes.NewGrant, responses={201: shapes.GrantShown})
    @grants.mapping.post
    def grant(self, request: Request, pk: str) -> Response:
        """Give a role on a scope (needs `administer` there); nobody grants to themselves (OWN_ROLE_GRANT)."""
        user, body = self.get_object(), self.asked(shapes.NewGrant)
        scope = self.referred(Scope.objects.all(), str(body["scope"]), path="id")
        self.allow(scope, Permission.ADMINISTER)
        made = services.grant_role(user=user, role=body["role"], scope=scope, actor=self.caller, reason=body["reason"])
        return Response(shapes.GrantShown(made).data, 201)

    @extend_schema(request=ReasonedAct, responses={204: None})
    @action(detail=True, methods=["post"], url_path="grants/(?P<grant_id>[0-9a-f-]{36})/revoke")
    def revoke_grant(self, request: Request, pk: str, grant_id: UUID) -> Response:
        """Take a role away at once (needs `administer` on its scope)."""
        rows = selectors.within(RoleGrant.objects.select_related("scope", "role", "user"), self.caller, "scope")
        grant = get_object_or_404(rows, user=self.get_object(), pk=grant_id)
        self.allow(grant.scope, Permission.ADMINISTER)
        services.revoke_role(grant=grant, actor=self.caller, reason=self.asked(ReasonedAct)["reason"])
        return Response(status=204)

    def _governed(self) -> set[UUID]:
        administered = selectors.visible_scope_ids(self.caller, Permission.ADMINISTER)
        return administered | selectors.visible_scope_ids(self.caller, Permission.AUDIT)


def _make_user(actor: User, body: dict[str, Any]) -> User:
    names = {"username": body["username"], "display_name": body["display_name"]}
    reason = body["reason"] or f"new {body['kind']} {body['username']}"
    if body["kind"] == UserKind.SERVICE:
        return services.make_service_account(**names, actor=actor, reason=reason)
    return services.make_person(**names, password=body["password"], email=body["email"], actor=actor, reason=reason)
