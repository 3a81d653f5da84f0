"""How allauth treats our people."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """People are invited by an administrator: nobody signs up; service accounts cannot sign in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """The person with these credentials, or None; never a service account."""
        user = super().authenticate(request, **credentials)
        return None if user is not None and user.is_service else user
