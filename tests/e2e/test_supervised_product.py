"""The product as a whole: it ends without a trace, starts again on the same data, and trades on."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e import books, faults
from tests.e2e.product import Product, running_product

pytestmark = pytest.mark.timeout(1800)
SPEED = 18_000
READY_SECONDS_MAX = 30.0  # on a machine that does nothing else
GRACE_SECONDS = 20.0  # a replay runs on for five seconds without a tick; matching may lag behind it
MATCHED = "SELECT matched_until_ms FROM paper_papermarket ORDER BY symbol"
ANCHORS = """
    SELECT c.wall_anchor, (extract(epoch FROM c.market_anchor) * 1000)::bigint FROM markets_feedclock c
    JOIN markets_feed f ON f.id = c.feed_id JOIN paper_papermarket m ON m.feed = f.name ORDER BY m.symbol"""


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """The demo with its markets five times as fast."""
    with running_product(DEMO_SPEED=str(SPEED)) as running:
        yield running


def test_workers_report_that_their_sandbox_refused_the_probe_bot(product: Product) -> None:
    found = dict(product.rows("SELECT split_part(worker, '@', 1), has_passed FROM runtime_workerreport"))
    body = httpx.get(f"{product.url}/readyz", timeout=30).json()

    assert found == {"cycles": True, "gates": True}
    assert body["components"]["workers"] == {
        "ok": True,
        "detail": "2 of 2 reporting workers passed the sandbox probe",
    }


def test_the_probe_found_every_wall_standing(product: Product) -> None:
    found = product.value("SELECT capabilities FROM runtime_workerreport WHERE worker LIKE 'cycles@%%'")

    assert all(found[wall] for wall in ("network", "sockets", "files", "processes", "limits"))


def test_term_leaves_no_process_and_a_second_start_trades_on(product: Product) -> None:
    market_before = matched(product)
    everything = [found for child in product.children.values() if child["pid"] for found in family(child["pid"])]
    started = time.monotonic()

    assert product.stop() == 0
    stop_seconds = time.monotonic() - started
    assert [process for process in everything if process.is_alive()] == []
    assert mentions(product) == []
    assert product.children == {}

    stopped_at = time.time()
    started = time.monotonic()
    product.start()
    product.wait_ready()
    took = time.monotonic() - started
    print(f"\nready again after {took:.1f} s")
    assert took < READY_SECONDS_MAX * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))

    goes_on_trading(product)
    for before, (wall_anchor, market_after) in zip(market_before, anchors(product), strict=True):
        assert wall_anchor > stopped_at, "the pause counts as market time"
        assert before <= market_after <= before + SPEED * 1000 * (stop_seconds + GRACE_SECONDS)
    assert [found for found in books.complaints(product) if "market event" in found] == []


def family(pid: int) -> list[faults.Process]:
    """A process and everything below it."""
    return [faults.process_of(pid), *faults.descendants(pid)]


def mentions(product: Product) -> list[int]:
    """Processes that have anything to do with the product's folder."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            found += [int(folder.name)] if str(product.var).encode() in text else []
    return found


def matched(product: Product) -> list[int]:
    """Market milliseconds up to which the venue has matched each market."""
    return [row[0] for row in product.rows(MATCHED)]


def anchors(product: Product) -> list[tuple[float, int]]:
    """Wall seconds and market milliseconds of every feed's anchor."""
    return [(wall.timestamp(), market) for wall, market in product.rows(ANCHORS)]


def goes_on_trading(product: Product) -> None:
    """New bars, new orders and new fills come."""
    counts = "SELECT (SELECT count(*) FROM paper_paperorder), (SELECT count(*) FROM execution_fill)"
    orders, fills = product.rows(counts)[0]
    bars = matched(product)

    def has_moved() -> bool:
        now = product.rows(counts)[0]
        have_bars = all(new > old for new, old in zip(matched(product), bars, strict=True))
        return have_bars and now[0] > orders and now[1] > fills

    product.wait_for(has_moved, "trading after the second start")
