from django.db import connection
from django.test.utils import CaptureQueriesContext
from apps.execution import services as execution
from apps.common import claims
from apps.execution.models import Order
from tests.execution.builders import Floor, work_orders


def test_count(real_floor: Floor) -> None:
    real_floor.place(order_type="LIMIT", limit_price="97")
    work_orders()
    real_floor.place(order_type="LIMIT", limit_price="96")
    row = claims.claim(Order.objects.all(), lease_s=15, limit=1)[0]
    with CaptureQueriesContext(connection, ) as seen:
        execution.send(row)
    for q in seen.captured_queries:
        print("Q", q["sql"][:110].replace("\n", " "))
    assert 0
