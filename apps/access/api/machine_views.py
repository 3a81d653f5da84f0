"""Endpoints of machines' access: tokens of service accounts, and trust in workloads of other issuers."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import selectors, services
from apps.access.api import machine_serializers as shapes
from apps.access.api.base import ReadEndpoint
from apps.access.api.idempotency import SecretShown
from apps.access.models import Scope, Token, User, WorkloadTrust
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Act

EXPIRES_BEFORE = django_filters.IsoDateTimeFilter(
    field_name="expires_at", lookup_expr="lt", label="Ends before this moment (ISO 8601)."
)


class MachineEndpoint(ReadEndpoint):
    """What belongs to service accounts: each sees its own; administrators of the firm see and change all."""

    def reachable(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The caller's own; all of them for an administrator of the firm."""
        is_administrator = services.may(self.caller, Permission.ADMINISTER, selectors.firm().scope)
        return rows.filter(Q() if is_administrator else Q(user=self.caller))

    def narrowed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Whom the new thing is for, and how it narrows what they may."""
        scope = body["scope"]
        return {
            "user": self.referred(User.objects.all(), body["user"], path=None, name="username"),
            "scope": self.referred(Scope.objects.all(), str(scope), path="id") if scope else None,
            "name": body["name"],
            "permissions": body["permissions"],
            "networks": body["networks"],
            "actor": self.caller,
        }

    def administers(self) -> None:
        """Refuse (PERMISSION_DENIED) whoever does not administer the firm."""
        self.allow(selectors.firm().scope, Permission.ADMINISTER)


class TokenViews(MachineEndpoint):
    """Bearer tokens of service accounts; a secret is shown once, when its token is made."""

    queryset = Token.objects.select_related("user", "scope")
    serializer_class = shapes.TokenShown
    filterset_class = filter_set(Token, ids=("user", "trust"), also={"expires_before": EXPIRES_BEFORE})

    @extend_schema(request=shapes.NewToken, responses={201: shapes.TokenWithSecret})
    def create(self, request: Request) -> Response:
        """Make a token (needs `administer` on the firm); a repeat of the call never shows the secret again."""
        self.administers()
        body = self.asked(shapes.NewToken)
        reason = body["reason"] or f"new token {body['name']}"
        return _with_secret(
            *services.make_token(expires_in_h=body["expires_in_h"], reason=reason, **self.narrowed(body))
        )

    @extend_schema(request=Act, responses={200: shapes.TokenShown})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """End a token at once (needs `administer` on the firm)."""
        token = self.get_object()
        self.administers()
        reason = self.asked(Act)["reason"] or "token revoked"
        return self.shown(services.revoke_token(token=token, actor=self.caller, reason=reason))

    @extend_schema(request=shapes.TokenRotation, responses={201: shapes.TokenWithSecret})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """Make a token like this one, which ends after the overlap (needs `administer` on the firm)."""
        token = self.get_object()
        self.administers()
        body = self.asked(shapes.TokenRotation)
        reason = body["reason"] or f"{token.name} rotated"
        return _with_secret(
            *services.rotate_token(token=token, overlap_h=body["overlap_h"], actor=self.caller, reason=reason)
        )


class TrustViews(MachineEndpoint):
    """Workloads, such as CI jobs, that may exchange their OIDC token for one of a service account."""

    queryset = WorkloadTrust.objects.select_related("user", "scope")
    serializer_class = shapes.TrustShown
    filterset_class = filter_set(WorkloadTrust, ids=("user",), exact=("issuer", "subject"))

    @extend_schema(request=shapes.NewTrust, responses={201: shapes.TrustShown})
    def create(self, request: Request) -> Response:
        """Trust a workload (needs `administer` on the firm)."""
        self.administers()
        body = self.asked(shapes.NewTrust)
        own = {name: body[name] for name in ("issuer", "audience", "subject", "claims", "life_s", "jwks")}
        reason = body["reason"] or f"new trust {body['name']}"
        return self.shown(services.make_trust(reason=reason, **own, **self.narrowed(body)), 201)

    @extend_schema(request=Act, responses={200: shapes.TrustShown})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """End a trust and every token that was exchanged by it, at once (needs `administer` on the firm)."""
        trust = self.get_object()
        self.administers()
        reason = self.asked(Act)["reason"] or "trust revoked"
        return self.shown(services.revoke_trust(trust=trust, actor=self.caller, reason=reason))


def _with_secret(token: Token, secret: str) -> Response:
    return SecretShown(shapes.TokenShown(token).data | {"secret": secret}, object_id=token.pk, status=201)
