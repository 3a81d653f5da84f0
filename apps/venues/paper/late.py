"""Requests that arrive after their sender has given up waiting: kept, and delivered when they are due."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction

from apps.common import decimals
from apps.common.clocks import wall_now
from apps.venues.adapters.base import ReplaceRequest, SubmitRequest, VenueRejected
from apps.venues.paper import services
from apps.venues.paper.models import PaperLate
from apps.venues.paper.states import Call

log = structlog.get_logger(__name__)
DECIMALS = ("quantity", "limit_price", "stop_price")
Request = SubmitRequest | ReplaceRequest | str


def hold(*, account_name: str, call: Call, request: Request, delay_ms: int) -> None:
    """Keep a request (a client order id for a cancel) that arrives in `delay_ms` of wall time."""
    PaperLate.objects.create(
        account=account_name,
        call=call,
        request=request if isinstance(request, str) else _fields(request),
        arrives_at=wall_now() + timedelta(milliseconds=delay_ms),
    )


def deliver_due() -> int:
    """Let the venue act on every request that has arrived by now, oldest first; how many."""
    delivered = 0
    for late in PaperLate.objects.filter(arrives_at__lte=wall_now()).order_by("arrives_at", "id"):
        with transaction.atomic():
            if PaperLate.objects.filter(pk=late.pk).delete()[0] == 0:
                continue
            try:
                with transaction.atomic():
                    _act(late)
            except VenueRejected as refusal:
                log.info("paper.late_rejected", call=late.call, code=refusal.code)
            delivered += 1
    return delivered


def _act(late: PaperLate) -> None:
    if late.call == Call.SUBMIT:
        services.submit(account_name=late.account, request=SubmitRequest(**_values(late.request)))
    elif late.call == Call.REPLACE:
        services.replace(account_name=late.account, request=ReplaceRequest(**_values(late.request)))
    else:
        services.cancel(account_name=late.account, client_order_id=late.request)


def _fields(request: SubmitRequest | ReplaceRequest) -> dict[str, Any]:
    values = asdict(request)
    return {name: decimals.text_of(value) if isinstance(value, Decimal) else value for name, value in values.items()}


def _values(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: Decimal(value) if name in DECIMALS and value else value for name, value in fields.items()}
