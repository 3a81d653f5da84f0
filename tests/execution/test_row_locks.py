"""A row that was waited for is read as it is once its lock is ours, with what it refers to then."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connections, transaction

from apps.audit.context import acting
from apps.common import locks
from apps.deployments.models import Deployment
from tests.execution.builders import Floor, await_blocked
from tests.markets.builders import BY, make_instrument


def test_a_row_whose_reference_changed_while_we_waited_is_found_with_the_new_one(real_floor: Floor) -> None:
    other = make_instrument(symbol="ETH-USD")

    def read() -> Deployment:
        try:
            with transaction.atomic():
                rows = Deployment.objects.select_related("instrument")
                return locks.row(rows, real_floor.deployment.pk, keeps_key=True)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with acting(**BY):
            Deployment.objects.filter(pk=real_floor.deployment.pk).update(instrument=other)
            found = pool.submit(read)
            await_blocked("transactionid")

        assert found.result(timeout=20).instrument == other
