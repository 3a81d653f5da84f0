"""Generated questions to the pre-trade check: mostly in order, near the bounds, now and then absurd."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.risk import rules

TYPES = ("MARKET", "LIMIT", "STOP", "STOP_LIMIT")
TIMES = ("GTC", "DAY", "IOC", "FOK")
ABSURD = tuple(Decimal(text) for text in ("NaN", "sNaN", "Infinity", "-Infinity", "-1", "0", "-0"))
SCOPES = ("bot", "strategy", "bucket", "account", "desk", "venue", "firm")


@dataclass(frozen=True, slots=True)
class Case:
    """One question, with all that the check is told."""

    order: rules.OrderFacts
    instrument: rules.InstrumentFacts | None
    exposure: rules.ExposureFacts
    limits: dict[str, Decimal]
    market: rules.MarketFacts
    entitlements: rules.Entitlements
    venue: rules.VenueFacts
    session: rules.SessionFacts
    scopes: list[rules.ScopeFacts]

    def codes(self) -> set[str]:
        """What the check says."""
        denials = rules.check(
            self.order,
            self.instrument,
            self.exposure,
            self.limits,
            self.market,
            entitlements=self.entitlements,
            venue=self.venue,
            session=self.session,
            scopes=self.scopes,
        )
        return {denial.code for denial in denials}


class Generator:
    """Draws cases from one seed. `trouble` is how likely each single fact is out of order."""

    def __init__(self, seed: int, number: int) -> None:
        self.random = random.Random(f"{seed}/{number}")
        self.trouble = self.random.choice((0.0, 0.004, 0.02, 0.08))

    def case(self) -> Case:
        """The next question."""
        return Case(
            order=self._order(),
            instrument=self.mostly(self._instrument(), None),
            exposure=self._exposure(),
            limits=self._limits(),
            market=self._market(),
            entitlements=rules.Entitlements(
                sides=self._part(("BUY", "SELL")),
                order_types=self._part(TYPES),
                times_in_force=self._part(TIMES),
                shorting=self.mostly(True, False),
                extended_hours=self.mostly(True, False),
            ),
            venue=self._venue(),
            session=self._session(),
            scopes=[self._scope(name) for name in SCOPES[: self.random.choice((0, 1, 2, 7)) or self.mostly(1, 0)]],
        )

    def mostly(self, usual: Any, *others: Any) -> Any:
        """The usual fact, or in trouble one of the others."""
        return self.random.choice(others) if self.random.random() < self.trouble else usual

    def figure(self, low: int, high: int, step: str = "1") -> Decimal:
        """A number on a coarse grid, so that figures meet their bounds; in trouble an absurd one."""
        return self.mostly(self.random.randint(low, high) * Decimal(step), *ABSURD)

    def near(self, *usual: int, step: str = "1") -> Decimal:
        """One of a few numbers, so that sums meet their bounds exactly."""
        return self.mostly(self.random.choice(usual) * Decimal(step), *ABSURD)

    def _part(self, whole: tuple[str, ...]) -> frozenset[str]:
        return frozenset(one for one in whole if self.mostly(True, False))

    def _order(self) -> rules.OrderFacts:
        order_type = self.mostly(self.random.choice(TYPES), "TRAILING")
        return rules.OrderFacts(
            side=self.mostly(self.random.choice(("BUY", "SELL")), "SHORT"),
            quantity=self.mostly(self.figure(1, 20, "0.5"), Decimal("0.3")),
            order_type=order_type,
            time_in_force=self.random.choice(TIMES),
            purpose=self.mostly(self.random.choice(("OPENING", "OPENING", "PROTECTIVE", "EXIT")), "HEDGE"),
            parent_left=self.random.choice((None, self.figure(5, 40, "0.5"))),
            parent_agrees=self.mostly(True, False),
            limit_price=self._price("LIMIT" in order_type),
            stop_price=self._price("STOP" in order_type),
            is_reduce_only=self.mostly(False, True),
            is_post_only=self.mostly(False, True),
            is_extended_hours=self.mostly(order_type == "LIMIT" and self.random.random() < 0.2, True),
            by_person=self.random.random() < 0.3,
        )

    def _price(self, is_needed: bool) -> Decimal | None:
        has_price = self.mostly(is_needed, not is_needed)
        return self.mostly(self.figure(396, 404, "0.25"), Decimal("100.1")) if has_price else None

    def _instrument(self) -> rules.InstrumentFacts:
        return rules.InstrumentFacts(
            lot_size=self.mostly(Decimal("0.5"), *ABSURD, Decimal("0.4")),
            tick_size=self.mostly(Decimal("0.25"), *ABSURD, Decimal("0.1")),
            multiplier=self.near(1, 2),
            is_entitled=self.mostly(True, False),
            is_expired=self.mostly(False, True),
            limit_up=self.random.choice((None, None, self.figure(101, 106))),
            limit_down=self.random.choice((None, None, self.figure(94, 99))),
            has_extended_hours=self.mostly(True, False),
        )

    def _exposure(self) -> rules.ExposureFacts:
        return rules.ExposureFacts(
            position=self.figure(-40, 40, "0.5"),
            working_buy=self.near(0, 0, 1, 5),
            working_sell=self.near(0, 0, 1, 5),
            orders_this_minute=self.mostly(self.random.randint(0, 5), -1, 6, 12),
            orders_this_second=self.mostly(self.random.randint(0, 3), -1, 4, 9),
            repeats=self.mostly(self.random.randint(0, 4), -1, 5),
            is_throttled=self.mostly(False, True),
            is_duplicate=self.mostly(False, True),
            crosses_own=self.mostly(False, True),
            trading_state=self.mostly(rules.ACTIVE, rules.REDUCING, rules.HALTED, 7),
            mode_agrees=self.mostly(True, False),
        )

    def _limits(self) -> dict[str, Decimal]:
        bounds = {
            "order_quantity": self.figure(12, 24, "0.5"),
            "order_notional": self.near(1_000, 2_000, 3_000),
            "position": self.figure(16, 30),
            "collar_bps": self.near(100, 150, 200),
            "orders_per_minute": self.near(6, 8),
            "messages_per_second": self.near(4, 5),
            "repeat_executions": self.near(5, 6),
            "capital": self.near(2_000, 5_000, 9_000),
        }
        return {kind: bound for kind, bound in bounds.items() if self.mostly(True, False)}

    def _market(self) -> rules.MarketFacts:
        return rules.MarketFacts(
            reference_price=self.mostly(self.figure(198, 202, "0.5"), None),
            is_fresh=self.mostly(True, False),
            base_rate=self.mostly(self.near(1, 2, step="0.5"), None),
            account_rate=self.mostly(self.near(1, 2, step="0.5"), None),
            is_decision_fresh=self.mostly(True, False),
            venue_price=self.mostly(self.figure(198, 202, "0.5"), None),
            is_venue_price_fresh=self.mostly(True, False),
        )

    def _venue(self) -> rules.VenueFacts:
        return rules.VenueFacts(
            order_types=self._part(TYPES),
            times_in_force=self._part(TIMES),
            has_reduce_only=self.mostly(True, False),
            has_post_only=self.mostly(True, False),
            is_up=self.mostly(True, False),
            maintenance=self._maintenance(),
            has_extended_hours=self.mostly(True, False),
            buying_power=self.mostly(self.near(1_000, 2_000, 4_000), None),
        )

    def _maintenance(self) -> rules.MaintenanceFacts | None:
        starts_in_s = self.random.choice((None, 86_400, self.mostly(3_600, -60, 0, 1, 300, 900, 901)))
        return None if starts_in_s is None else rules.MaintenanceFacts(starts_in_s=starts_in_s, ends_at="later")

    def _session(self) -> rules.SessionFacts:
        return rules.SessionFacts(
            is_open=self.mostly(True, False),
            is_halted=self.mostly(False, True),
            closes_in_s=self.random.choice((None, 900, 1_800, self.mostly(3_600, 0, -5))),
            flat_before_close_s=self.random.choice((None, self.mostly(300, 900, 901))),
            is_extended=self.random.random() < 0.5,
        )

    def _scope(self, name: str) -> rules.ScopeFacts:
        bounds = {
            "gross_exposure": self.near(2_500, 3_000, 4_000),
            "net_exposure": self.near(1_500, 2_500, 3_000),
            "open_orders": self.near(4, 5),
            "daily_loss": self.near(100, 200),
            "drawdown": self.near(100, 200),
        }
        return rules.ScopeFacts(
            name=name,
            limits={kind: bound for kind, bound in bounds.items() if name == "bot" or self.random.random() < 0.5},
            gross=self.near(0, 500, 1_000),
            net=self.near(-1_000, 0, 500),
            buying=self.near(0, 100, 200),
            selling=self.near(0, 100, 200),
            open_orders=self.mostly(self.random.randint(0, 3), -1, 4, 5),
            daily_loss=self.mostly(self.near(-50, 0, 50, 99), None, Decimal(100), Decimal(200)),
            drawdown=self.mostly(self.near(-1, 0, 50, 99), None, Decimal(100), Decimal(200)),
            hedge=self._hedge() if self.random.random() < 0.3 else None,
        )

    def _hedge(self) -> rules.HedgeFacts:
        return rules.HedgeFacts(held=self.figure(-20, 20, "0.5"), leaving=self.near(0, 0, 1, 5))
