"""Endpoints of the keys that a desk trusts: signers of builds, and builders that attest them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from apps.access.api.base import ReadEndpoint
from apps.access.models import Desk
from apps.access.states import Permission
from apps.bots import services
from apps.bots.api import serializers as shapes
from apps.bots.models import Signer, TrustedBuilder
from apps.common.api.filters import filter_set


class KeyEndpoint(ReadEndpoint):
    """Keys of one role."""

    scope_path = "desk__scope"

    def to_trust(self, shape: type[BaseSerializer]) -> dict[str, Any]:
        """What the body asks to trust, by whom and why, on a desk that the caller administers."""
        body = self.asked(shape)
        desk = self.referred(Desk.objects.select_related("scope"), body["desk"])
        self.allow(desk.scope, Permission.ADMINISTER)
        return {**body, "desk": desk, "actor": self.caller}

    def rotated(self) -> Response:
        """Trust a new key in the place of this one."""
        key = self.target(Permission.ADMINISTER)
        return self.shown(services.rotate(key=key, actor=self.caller, **self.asked(shapes.Rotation)), 201)

    def revoked(self) -> Response:
        """Stop trusting this key."""
        key = self.target(Permission.ADMINISTER)
        return self.shown(services.revoke(key=key, actor=self.caller, **self.asked(shapes.Revocation)))


class SignerViews(KeyEndpoint):
    """Keys whose signatures over builds a desk trusts."""

    queryset = Signer.objects.select_related("desk__scope")
    serializer_class = shapes.SignerShown
    filterset_class = filter_set(Signer, ids=("desk",), exact=("key_id",))

    @extend_schema(request=shapes.NewSigner, responses={201: shapes.SignerShown})
    def create(self, request: Request) -> Response:
        """Trust a key to sign builds (needs `administer` on the desk).

        Refusals: SIGNER_KEY_MALFORMED, SIGNER_KNOWN, KEY_OTHER_ROLE.
        """
        return self.shown(services.trust_signer(**self.to_trust(shapes.NewSigner)), 201)

    @extend_schema(request=shapes.Rotation, responses={201: shapes.SignerShown})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """Trust a new key in the place of this one (needs `administer` on the desk); the old one until then or revoked.

        Refusals: SIGNER_KEY_MALFORMED, SIGNER_KNOWN, KEY_OTHER_ROLE, REVOCATION_LATER.
        """
        return self.rotated()

    @extend_schema(request=shapes.Revocation, responses={200: shapes.SignerShown})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """Stop trusting a key (needs `administer` on the desk): uploads, launches, and what runs by it is paused.

        Refusals: REVOCATION_LATER.
        """
        return self.revoked()


class BuilderViews(KeyEndpoint):
    """CIs that a desk trusts to say what they built from which commit."""

    queryset = TrustedBuilder.objects.select_related("desk__scope")
    serializer_class = shapes.BuilderShown
    filterset_class = filter_set(TrustedBuilder, ids=("desk",), exact=("key_id", "builder_id", "source_repository"))

    @extend_schema(request=shapes.NewBuilder, responses={201: shapes.BuilderShown})
    def create(self, request: Request) -> Response:
        """Trust a CI's key for one builder, repository and refs (needs `administer` on the desk).

        Refusals: SIGNER_KEY_MALFORMED, SIGNER_KNOWN, KEY_OTHER_ROLE, BUILDER_MALFORMED, REFS_MALFORMED.
        """
        return self.shown(services.trust_builder(**self.to_trust(shapes.NewBuilder)), 201)

    @extend_schema(request=shapes.Rotation, responses={201: shapes.BuilderShown})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """Trust a new key of the same CI for the same things (needs `administer` on the desk).

        Refusals: SIGNER_KEY_MALFORMED, SIGNER_KNOWN, KEY_OTHER_ROLE, REVOCATION_LATER.
        """
        return self.rotated()

    @extend_schema(request=shapes.Revocation, responses={200: shapes.BuilderShown})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """Stop trusting a CI's key, for all that the desk trusts it for (needs `administer` on the desk).

        Refusals: REVOCATION_LATER.
        """
        return self.revoked()
