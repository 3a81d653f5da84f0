"""Step-up: what loosens a stop is done by a person who has just proved who they are."""

import time
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.urls import reverse

from apps.common.errors import Refused


def require_step_up(request: Any) -> None:
    """Refuse STEP_UP_REQUIRED unless the person of this session signed in, or again, within settings.STEP_UP_S.

    `context["link"]` is the page to do so. Machines pass: the acts behind this refuse them by themselves.
    """
    if request.user.is_service:
        return
    proofs = [float(record["at"]) for record in get_authentication_records(request, request.user)]
    if time.time() - max(proofs, default=0.0) > settings.STEP_UP_S:
        minutes = settings.STEP_UP_S // 60
        raise Refused(
            "STEP_UP_REQUIRED",
            f"this needs a sign-in not older than {minutes} minutes: confirm your password, then try again",
            link=reverse("account_reauthenticate"),
        )
