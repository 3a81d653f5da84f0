"""How long ago somebody signed in, as the session of a test client remembers it."""

import time
from typing import Any

from allauth.account.internal.userkit import user_id_to_str

from apps.access.models import User


def sign_in_again(client: Any, user: User, *, ago_s: float = 0) -> Any:
    """The client, whose session says that `user` gave the password `ago_s` seconds ago."""
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - ago_s}]
    session["account_authentication_methods_user"] = user_id_to_str(user)
    session.save()
    return client
