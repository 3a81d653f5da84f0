"""An exit is sized by what the venue says, and by what was booked since it was asked."""

from decimal import Decimal
from typing import Any

import pytest

from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.services import submission
from apps.execution.states import OrderState
from apps.venues.paper.models import PaperOrder, PaperPosition
from tests.execution.builders import Floor, work_orders


def test_an_exit_that_fills_while_another_asks_for_the_position_is_not_sold_twice(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.hold_position("2")
    floor.place(side="SELL", quantity="2", purpose="EXIT")
    work_orders()
    permit = submission._permit

    def late(order: Order, held: Any) -> Order | None:
        floor.pass_time(2)
        execution.sync_account(floor.account)
        return permit(order, held)

    monkeypatch.setattr(submission, "_permit", late)
    second = floor.place(
        side="SELL", quantity="2", purpose="EXIT", by_person=True, confirmed=(Decimal(2), Decimal(0), Decimal(0))
    )
    work_orders()

    second.refresh_from_db()
    assert (second.state, second.codes) == (OrderState.DENIED, ["EXIT_EXCEEDS_POSITION"])
    assert PaperOrder.objects.filter(side="SELL").count() == 1
    assert PaperPosition.objects.get().quantity == 0
