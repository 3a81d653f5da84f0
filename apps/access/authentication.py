"""Bearer tokens of service accounts."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework import authentication, exceptions

from apps.access import services
from apps.access.models import User
from apps.common import addresses


def caller_address(meta: Mapping[str, Any]) -> str:
    """The address of who calls: the connection's, or what a proxy of settings.TRUSTED_PROXIES says."""
    return addresses.client_address(meta, addresses.networks(settings.TRUSTED_PROXIES))


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer qd_<prefix>_<secret>`."""

    keyword = "Bearer"

    def authenticate(self, request: Any) -> tuple[User, Any] | None:
        """The token's service account, with the token as `request.auth`; ADDRESS_REFUSED from elsewhere."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme != self.keyword:
            return None
        token = services.token_for(value.strip(), caller_address(request.META))
        if token is None:
            raise exceptions.AuthenticationFailed("the token is unknown, expired or revoked")
        token.user.acting_token = token
        return token.user, token

    def authenticate_header(self, request: Any) -> str:
        """Makes an unauthenticated answer a 401."""
        return self.keyword
