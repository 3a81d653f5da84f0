"""A venue that looks nothing up, and the people who call its desk."""

from dataclasses import replace

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.audit.context import acting
from apps.execution import services as execution
from apps.execution.models import Order, OrderSettlement
from apps.venues import services as venues
from apps.venues.paper import adapter as paper
from tests.execution.builders import Floor
from tests.markets.builders import BY


def forget_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue cannot say what became of one order."""
    blind = replace(paper.CAPABILITIES, has_lookup=False)
    monkeypatch.setattr(venues, "capabilities_of", lambda account: blind)


def person(floor: Floor, role: str) -> User:
    """Somebody of the desk."""
    with acting(**BY):
        made = User.objects.create(username=f"{role}-{User.objects.count()}", display_name=role)
    access.grant_role(user=made, role=role, scope=floor.account.bucket.desk.scope, **BY)
    return made


def settle(floor: Floor, order: Order, outcome: str = "not_sent", **fields: object) -> OrderSettlement:
    """The trader says what the desk said."""
    asked = {"actor": floor.trader, "reason": "Ms Lang, 10:31"} | fields
    return execution.settle_by_person(order=order, outcome=outcome, **asked)


def vote(order: Order, asked: OrderSettlement, actor: User, *, approve: bool = True) -> OrderSettlement:
    """Vote on what was seen."""
    return execution.vote_settlement(
        order=order, actor=actor, approve=approve, reason="I called too", digest=asked.consent.digest
    )
