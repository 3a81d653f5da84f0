"""Every process is killed while bots trade: no order is lost or doubled, by the venue's own books."""

import os
import time
from collections.abc import Iterator

import pytest

from tests.e2e import books, faults
from tests.e2e.clients import Caller, machine, sign_in
from tests.e2e.product import Product, running_product, until
from tests.e2e.traffic import Traffic

pytestmark = pytest.mark.timeout(3600)
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "3"))
SENDERS = int(os.environ.get("CRASH_SENDERS", "1"))  # of each desk
ORDERS_PER_FAULT = int(os.environ.get("CRASH_ORDERS", "3"))  # new ones at the venue between a fault and the next
# Market seconds a second: the shorter recording outlasts the long run.
SPEED = os.environ.get("CRASH_SPEED", "36000")
CONVERGED_SECONDS_MAX = 180.0
VENUE_ORDERS = "SELECT count(*) FROM paper_paperorder"
DENIALS = """
    SELECT starts_with(placed_by, 'service:') AS by_traffic, purpose, order_type, codes::text, count(*)
    FROM execution_order WHERE state = 'DENIED' GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC LIMIT 12
"""
# Order rates of people; what is sent here is far more.
MORE_ORDERS = """
from apps.audit.context import acting
from apps.deployments.models import Deployment
from apps.risk.models import Limit
with acting("job:test", "more orders a minute"):
    Limit.objects.filter(
        kind__in=["orders_per_minute", "messages_per_second", "repeat_executions", "open_orders"]
    ).update(value=100000)
    Limit.objects.filter(
        kind__in=[
            "position", "order_quantity", "order_notional", "gross_exposure", "net_exposure", "daily_loss", "drawdown"
        ]
    ).update(value=1000000000)
    for row in Deployment.objects.all():
        row.limits |= dict.fromkeys(("position", "order_quantity", "order_notional"), "1000000000")
        row.limits["orders_per_minute"], row.capital = "100000", 1000000000
        row.save(update_fields=["limits", "capital"])
"""


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """The product with its markets faster than in the demo."""
    with running_product(DEMO_SPEED=SPEED) as running:
        running.manage("shell", "-v0", "-c", MORE_ORDERS)
        yield running


def test_no_order_is_lost_or_doubled_when_everything_is_killed_in_turn(product: Product) -> None:
    administrator = sign_in(product, "adam")
    traffic = [
        sender
        for nth in range(1, SENDERS + 1)
        for sender in (
            traffic_of(product, administrator, "crypto", "btc-trend", "BTC-USD", f"0.00{nth}", f"{100 + nth}"),
            traffic_of(product, administrator, "fx", "eur-revert", "EUR-USD", "1000", f"0.05{nth}"),
        )
    ]
    for sender in traffic:
        sender.start()
    kills, doomed = 0, []
    for fault in faults.faults() * ROUNDS:
        doomed += fault.strike(product)
        kills += 1
        goes_on(product, fault.name)
    last_fault = time.monotonic()
    for sender in traffic:
        sender.stop()
    halt(product)
    converged(product, last_fault)

    assert [sender.surprises for sender in traffic] == [[]] * len(traffic)
    assert missing(product, traffic) == []
    assert [process for process in doomed if process.is_alive()] == []
    assert orphans(product) == []
    report(product, kills, traffic)


def traffic_of(
    product: Product, administrator: Caller, desk: str, bot: str, symbol: str, quantity: str, far_price: str
) -> Traffic:
    """A program of a desk that trades beside its bot."""
    caller = machine(product, administrator, "bot", desk)
    bot_id = caller.only("bots/", name=bot)["id"]
    deployment = caller.only("deployments/", bot=bot_id)["id"]
    return Traffic(caller, deployment, symbol, quantity, far_price)


def goes_on(product: Product, after: str) -> None:
    """The venue gets new orders after a fault."""
    before = product.value(VENUE_ORDERS)
    product.wait_for(lambda: product.value(VENUE_ORDERS) >= before + ORDERS_PER_FAULT, f"trading after: {after}")


def halt(product: Product) -> None:
    """Stop all bots of the firm, so that both books come to rest."""
    omar = sign_in(product, "omar")
    body = {"scope": omar.get("firm/")["scope"], "level": "HALTED", "reason": "count the books"}
    omar.made("holds/", body)


def converged(product: Product, last_fault: float) -> None:
    """Both books agree within the time that the product promises."""
    found: list[str] = ["not asked"]

    def agree() -> bool:
        found[:] = books.complaints(product)
        return not found

    try:
        until(agree, seconds_max=CONVERGED_SECONDS_MAX - (time.monotonic() - last_fault))
    except AssertionError:
        raise AssertionError("\n".join(found)) from None
    print(f"\nconverged {time.monotonic() - last_fault:.1f} s after the last fault")


def missing(product: Product, traffic: list[Traffic]) -> list[str]:
    """Orders that the product answered for and does not have."""
    known = {row[0] for row in product.rows("SELECT id::text FROM execution_order")}
    return [answer["id"] for sender in traffic for answer in sender.answers.values() if answer["id"] not in known]


def orphans(product: Product) -> list[int]:
    """Sandboxed bots whose worker is gone."""
    pool = {pid for name in faults.WORKERS for pid in faults.children_of(product.pid(name))}
    return [pid for pid in faults.sandboxes(product) if faults.parent_of(pid) not in {*pool, 0}]


def report(product: Product, kills: int, traffic: list[Traffic]) -> None:
    """Publish how much this run has tried."""
    by_state = dict(product.rows("SELECT state, count(*) FROM execution_order GROUP BY 1 ORDER BY 1"))
    print(f"faults: {kills}; orders: {sum(by_state.values())} {by_state}")
    print(f"venue orders: {product.value(VENUE_ORDERS)}; fills: {product.value('SELECT count(*) FROM execution_fill')}")
    print(f"acknowledged: {sum(len(sender.answers) for sender in traffic)}, ", end="")
    print(f"denied: {sum(sender.denied for sender in traffic)}, repeats: {sum(sender.repeats for sender in traffic)}")
    for row in product.rows(DENIALS):
        print("denied:", *row)
    print(f"unknown: {books.unknown_orders(product)}")
