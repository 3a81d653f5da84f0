"""The pure pre-trade check with every control on, against Nautilus' RiskEngine.execute() with every check on."""

import contextlib
import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from apps.risk import rules
from benchmarks import peers
from benchmarks.lines import Line
from benchmarks.measuring import alternate, line, say
from benchmarks.product import Bench

ORDERS = 20_000
REFERENCE = "Nautilus 1.221.0 RiskEngine.execute(), same quantities and prices, cash account"
GOAL = "ratio >= 1"
BIG = Decimal(1_000_000_000)
TYPES = frozenset({"MARKET", "LIMIT", "STOP", "STOP_LIMIT"})
TIMES = frozenset({"DAY", "GTC", "IOC", "FOK"})
LINEAGE = ("bot", "strategy", "bucket", "account", "desk", "venue", "firm")

INSTRUMENT = rules.InstrumentFacts(
    lot_size=Decimal("0.01"),
    tick_size=Decimal("0.01"),
    multiplier=Decimal(1),
    is_entitled=True,
    limit_up=Decimal(120),
    limit_down=Decimal(80),
)
LIMITS = dict.fromkeys((*rules.PER_BOT, "capital"), BIG)
MARKET = rules.MarketFacts(
    reference_price=Decimal("100.00"),
    is_fresh=True,
    base_rate=Decimal("1.0825"),
    account_rate=Decimal(1),
    is_decision_fresh=True,
    venue_price=Decimal("100.01"),
    is_venue_price_fresh=True,
)
EXPOSURE = rules.ExposureFacts(
    position=Decimal("12.34"),
    working_buy=Decimal("1.50"),
    working_sell=Decimal("0.25"),
    orders_this_minute=3,
    orders_this_second=1,
    repeats=1,
    is_throttled=False,
    is_duplicate=False,
    crosses_own=False,
    trading_state=rules.ACTIVE,
    mode_agrees=True,
)
ENTITLEMENTS = rules.Entitlements(
    sides=frozenset({"BUY", "SELL"}), order_types=TYPES, times_in_force=TIMES, shorting=False
)
VENUE = rules.VenueFacts(
    order_types=TYPES,
    times_in_force=TIMES,
    has_reduce_only=True,
    has_post_only=True,
    is_up=True,
    maintenance=None,
    buying_power=Decimal("10000000.00"),
)
SESSION = rules.SessionFacts(is_open=True, is_halted=False, closes_in_s=7_200, flat_before_close_s=300)


@dataclass(frozen=True, slots=True)
class Ours:
    """The measured side: orders, and the state that they are judged in."""

    orders: list[rules.OrderFacts]
    exposure: rules.ExposureFacts
    scopes: list[rules.ScopeFacts]

    def rate(self) -> float:
        """Checks a second of processor time."""
        start = time.process_time()
        for order in self.orders:
            self.judge(order)
        return len(self.orders) / (time.process_time() - start)

    def judge(self, order: rules.OrderFacts) -> list[rules.Denial]:
        """The check of one order."""
        return rules.check(
            order,
            INSTRUMENT,
            self.exposure,
            LIMITS,
            MARKET,
            entitlements=ENTITLEMENTS,
            venue=VENUE,
            session=SESSION,
            scopes=self.scopes,
        )

    def must_say(self, *codes: str) -> None:
        """Raise when one order is judged otherwise."""
        if any([denial.code for denial in self.judge(order)] != list(codes) for order in self.orders):
            raise RuntimeError(f"not every order was judged {codes or 'clean'}")


def run(bench: Bench) -> Iterator[Line]:
    """Checks a second: allowed, denied by a halt, and allowed with the seven scopes of a whole house."""
    orders = _orders(bench.seed)
    halted = replace(EXPOSURE, trading_state=rules.HALTED)
    with _nautilus(bench.seed) as peer:
        for name, ours, codes, asked in (
            ("check", Ours(orders, EXPOSURE, _scopes(1)), (), "active"),
            ("check.denied", Ours(orders, halted, _scopes(1)), ("HOLD_HALTED",), "halted"),
            ("check.lineage", Ours(orders, EXPOSURE, _scopes(len(LINEAGE))), (), "active"),
        ):
            say(name)
            ours.must_say(*codes)
            figures, reference = alternate(ours.rate, partial(peer, asked))
            yield line(name, "checks/s", figures, REFERENCE, reference, goal=GOAL, seed=bench.seed)


def _orders(seed: int) -> list[rules.OrderFacts]:
    """Purchases at a limit; the other side draws the same quantities and prices."""
    draw = random.Random(seed)
    terms = [(draw.randint(1, 900), draw.randint(9_950, 10_050)) for _ in range(ORDERS)]
    return [
        rules.OrderFacts(
            side="BUY",
            quantity=Decimal(quantity) / 100,
            order_type="LIMIT",
            purpose="OPENING",
            limit_price=Decimal(price) / 100,
            parent_left=BIG,
            parent_agrees=True,
        )
        for quantity, price in terms
    ]


def _scopes(count: int) -> list[rules.ScopeFacts]:
    return [
        rules.ScopeFacts(
            name=name,
            limits=dict.fromkeys(rules.PER_SCOPE, BIG),
            gross=Decimal("48210.55"),
            net=Decimal("-1320.10"),
            buying=Decimal("250.00"),
            selling=Decimal("75.25"),
            open_orders=4,
            daily_loss=Decimal("12.40"),
            drawdown=Decimal("80.00"),
        )
        for name in LINEAGE[:count]
    ]


@contextlib.contextmanager
def _nautilus(seed: int) -> Iterator[Callable[[str], float]]:
    """A peer process that judges all orders once a call, in the named state; checks a second."""
    script = str(Path(__file__).with_name("nautilus_risk.py"))
    command = [str(peers.python()), script, str(ORDERS), str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as peer:
        stdin, stdout = peer.stdin, peer.stdout
        assert stdin is not None
        assert stdout is not None

        def once(state: str) -> float:
            stdin.write(f"{state}\n")
            answer: dict[str, float] = json.loads(stdout.readline())
            if answer["sent" if state == "active" else "denied"] != ORDERS:
                raise RuntimeError(f"the peer judged otherwise than meant: {answer}")
            return ORDERS / answer["seconds"]

        yield once
        stdin.close()
