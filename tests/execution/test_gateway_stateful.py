"""The real gateway in generated sequences, step by step against an oracle that shares no line with it.

Two bots below one bucket place, cancel and replace while the venue fills, limits move, holds come and go and time
passes. HYPOTHESIS_EXAMPLES sets how many sequences are tried.
"""

import os
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.access.models import Firm
from apps.audit.context import acting
from apps.common import ids
from apps.common.errors import Refused
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import TERMINAL
from apps.markets import selectors as markets
from apps.markets import services as market_services
from apps.risk import services as risk
from apps.risk.models import Exposure, Hold, Limit, ScopeBook, Throttle
from apps.venues import services as venues
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperAccount, PaperOrder, PaperTrade
from tests.execution.builders import LIMITS, Floor, Line, let_short, make_floor, trade_in_parts, work_orders
from tests.execution.limits_oracle import FIRST_WAIT, PER_BOT, Desk, Known, Oracle, Wish
from tests.execution.seats import is_above, scopes_of
from tests.execution.test_gateway import place_for, second_bot
from tests.execution.wishes import BOTS, FIRST, LEAVINGS, OPENINGS, PRICES, TIGHT, WISHES, Ids, ticket_of, wish_of
from tests.markets.builders import BY, Wall

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "10"))
RUN = settings(
    max_examples=EXAMPLES,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    # What disagrees is said at once: making it smaller takes longer than a test may, and its end hides the cause.
    phases=[Phase.generate],
    database=None,
    suppress_health_check=list(HealthCheck),
)
CLOSES = [str(100 + number % 3) for number in range(600)]


class Trading(RuleBasedStateMachine):
    """One generated sequence; everything that it did is rolled back at its end."""

    floor: Floor
    other: Deployment

    def __init__(self) -> None:
        super().__init__()
        self.mark, self.wall_now = transaction.savepoint(), self.floor.wall.now
        self.deployments = {"alpha": self.floor.deployment, "beta": self.other}
        self.scopes = scopes_of(self.deployments)
        limits = {(f"bot {bot}", kind): Fraction(value) for bot in BOTS for kind, value in LIMITS.items()}
        desks = {bot: Desk(bot, frozenset(name for name in self.scopes if is_above(name, bot))) for bot in BOTS}
        self.oracle = Oracle(desks, limits, {kind: Fraction(value) for kind, value in LIMITS.items()})

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.mark)
        self.floor.wall.now = self.wall_now

    @initialize(held=st.sampled_from([3, 5, 0]), other=st.sampled_from(["BUY", "SELL"]))
    def start(self, held: int, other: str) -> None:
        """Most runs start with something to leave, half of them with bots that hold against each other."""
        if held:
            for bot, quantity, side in (("alpha", held, "BUY"), ("beta", 2, other)):
                self.place(FIRST | {"bot": bot, "quantity": quantity, "side": side})
                self.work()
                self.trade(3)

    @rule(terms=OPENINGS)
    def open(self, terms: dict[str, Any]) -> None:
        self.place(terms)

    @rule(terms=OPENINGS, again=st.booleans())
    def open_more(self, terms: dict[str, Any], again: bool) -> None:
        for _ in range(1 + again):
            self.place(terms)

    @rule(terms=OPENINGS)
    def open_and_send(self, terms: dict[str, Any]) -> None:
        self.place(terms)
        self.work()

    @rule(terms=OPENINGS)
    def open_and_fill(self, terms: dict[str, Any]) -> None:
        self.place(terms)
        self.work()
        self.trade(1)

    @rule(terms=LEAVINGS, is_blind=st.sampled_from([False, False, True]))
    def leave(self, terms: dict[str, Any], is_blind: bool) -> None:
        position = self.oracle.desks[terms["bot"]].position
        if position and not is_blind:
            terms |= {"side": "SELL" if position > 0 else "BUY", "quantity": min(terms["quantity"], abs(position))}
        self.place(terms)

    @rule(terms=WISHES)
    def ask_anything(self, terms: dict[str, Any]) -> None:
        self.place(terms)

    def place(self, terms: dict[str, Any]) -> None:
        """Ask both for an order: they must answer alike."""
        wish = wish_of(**terms)
        self.listen(wish.bot)
        now, expected = self.floor.wall.now, self.oracle.codes(wish, self.floor.wall.now)

        order = place_for(self.floor, self.deployments[wish.bot], **ticket_of(wish))

        assert set(order.codes) == expected, (wish, order.codes, sorted(expected))
        if expected.isdisjoint({"RATE_ABOVE_LIMIT", "MESSAGES_ABOVE_LIMIT"}):
            self.oracle.count(wish.bot, now)
        if wish.purpose == "OPENING" and self.oracle.is_repeating(wish, now):
            self.oracle.desks[wish.bot].is_throttled = True
        if not expected:
            known = Known(wish, self.oracle.unit(wish), now, order.client_order_id.hex, order.pk)
            self.oracle.orders.append(known)

    def has_working(self) -> bool:
        return any(self.oracle.working(BOTS))

    @precondition(has_working)
    @rule(pick=st.integers(0, 99))
    def cancel(self, pick: int) -> None:
        known = self.picked(pick)
        is_guarded = known.wish.purpose == "PROTECTIVE" and self.oracle.state(known.wish.bot) != "ACTIVE"
        if is_guarded and known.is_at_venue:
            with pytest.raises(Refused, match="a hold stands"):
                execution.cancel(order=Order.objects.get(pk=known.row_id), **BY)
            return
        execution.cancel(order=Order.objects.get(pk=known.row_id), **BY)
        known.is_over = not known.is_at_venue

    def resting(self) -> list[Known]:
        """Limit orders whose terms could be changed now."""
        ids = [one.row_id for one in self.oracle.working(BOTS) if one.wish.order_type == "LIMIT"]
        rest = Order.objects.filter(pk__in=ids, state__in=["ACCEPTED", "PARTIALLY_FILLED"])
        found = set(rest.values_list("pk", flat=True))
        return [one for one in self.oracle.orders if one.row_id in found]

    @rule(terms=OPENINGS, quantity=st.sampled_from([1, 2, 4, 5]), price=st.sampled_from(PRICES[:-1]))
    def rest_and_replace(self, terms: dict[str, Any], quantity: int, price: str) -> None:
        passive = "97" if terms["side"] == "BUY" else "104.99"
        self.place(terms | {"order_type": "LIMIT", "price": passive})
        self.work()
        if self.resting():
            self.replace(-1, quantity, price)

    @precondition(resting)
    @rule(pick=st.integers(0, 99), quantity=st.sampled_from([1, 2, 4]))
    def want_less(self, pick: int, quantity: int) -> None:
        known = self.resting()[pick % len(self.resting())]
        assert known.wish.limit_price is not None
        self.replace(pick, quantity, str(float(known.wish.limit_price)))

    @precondition(resting)
    @rule(pick=st.integers(0, 99), quantity=st.sampled_from([1, 2, 4, 5, 11]), price=st.sampled_from(PRICES))
    def replace(self, pick: int, quantity: int, price: str) -> None:
        known = self.resting()[pick % len(self.resting())]
        row, wish = Order.objects.get(pk=known.row_id), known.wish
        if quantity <= known.filled or (quantity, Fraction(price)) == (wish.quantity, wish.limit_price):
            return
        self.listen(wish.bot)
        if wish.purpose == "EXIT" and quantity > wish.quantity:
            self.refuse_to_grow(row, quantity)
            return
        now = self.floor.wall.now
        fields = vars(wish) | {"quantity": quantity - known.filled, "limit_price": Fraction(price)}
        is_less = self.oracle.is_less(known, quantity, Fraction(price))
        expected = self.oracle.codes(Wish(**fields), now, besides=known, is_less=is_less)
        terms = {"quantity": Decimal(quantity), "limit_price": Decimal(price)}
        if expected:
            with pytest.raises(Refused) as refusal:
                execution.replace(order=row, **terms, **BY)
            assert set(refusal.value.context["codes"]) == expected
            return
        execution.replace(order=row, **terms, **BY)
        self.oracle.count(wish.bot, now)
        known.asked_quantity, known.asked_limit = quantity, Fraction(price)
        if not is_less:
            known.unit = max(known.unit, self.oracle.unit(Wish(**fields)))

    def refuse_to_grow(self, row: Order, quantity: int) -> None:
        """An exit was sized by what the venue holds; more of it is another exit."""
        with pytest.raises(Refused) as refusal:
            execution.replace(order=row, quantity=Decimal(quantity), **BY)
        assert refusal.value.code == "EXIT_GROWS"
        row.refresh_from_db()
        assert row.replace_quantity is None

    @rule()
    def work(self) -> None:
        now, waiting = self.floor.wall.now, [o for o in self.oracle.working(BOTS) if not o.is_at_venue]
        while work_orders():
            continue
        for known in waiting:
            known.is_at_venue = PaperOrder.objects.filter(client_order_id=known.client_order_id).exists()
            is_late = (
                known.wish.purpose == "OPENING" and now - known.placed_at > FIRST_WAIT and not known.wish.by_person
            )
            may_go = self.oracle.may_pass_holds(known.wish) and not is_late
            assert known.is_at_venue == may_go or known.wish.purpose == "EXIT"
            assert not known.is_at_venue or may_go
            known.is_over = known.was_denied = not known.is_at_venue
        self.follow_venue()

    @rule(seconds=st.sampled_from([1, 2]))
    def trade(self, seconds: int) -> None:
        self.floor.pass_time(seconds)
        self.sync()

    @rule(seconds=st.sampled_from([14, 16, 59, 61]))
    def wait(self, seconds: int) -> None:
        self.floor.wall.advance(seconds)
        self.floor.pass_time(1)
        self.sync()

    @rule()
    def value(self) -> None:
        execution.mark_books()
        self.oracle.price = last_price(self.floor)
        for desk in self.oracle.desks.values():
            desk.value = desk.position * self.oracle.price

    @rule(scope=st.sampled_from(["bot alpha", "bot beta", "bucket", "firm", "account alpha"]), data=st.data())
    def limit_and_open(self, scope: str, data: st.DataObject) -> None:
        kinds = [kind for kind in TIGHT if kind not in PER_BOT or scope in ("bot alpha", "bot beta", "bucket")]
        kind = data.draw(st.sampled_from(kinds))
        value = data.draw(st.sampled_from(TIGHT[kind]))
        with acting(**BY):
            fields = {"value": Decimal(value), "set_by": "job:tests"}
            Limit.objects.update_or_create(scope_id=self.scopes[scope], kind=kind, defaults=fields)
        self.oracle.limits[scope, kind] = Fraction(value)
        terms = data.draw(OPENINGS)
        for _ in range(data.draw(st.integers(1, 3))):
            self.place(terms)

    @rule(scope=st.sampled_from(["bot alpha", "bucket"]), level=st.sampled_from(["REDUCING", "HALTED"]), terms=LEAVINGS)
    def hold_and_leave(self, scope: str, level: str, terms: dict[str, Any]) -> None:
        placed = risk.place_hold(scope=scope_row(self.scopes[scope]), level=level, **BY)
        self.oracle.holds[placed.pk] = (scope, level)
        self.leave(terms, False)

    @precondition(lambda self: self.oracle.holds)
    @rule(pick=st.integers(0, 9), is_lifted=st.booleans())
    def loosen(self, pick: int, is_lifted: bool) -> None:
        pk = list(self.oracle.holds)[pick % len(self.oracle.holds)]
        scope, level = self.oracle.holds[pk]
        if is_lifted or level == "REDUCING":
            with acting(**BY):
                Hold.objects.filter(pk=pk).update(state="released")
            del self.oracle.holds[pk]
        else:
            hold = Hold.objects.get(pk=pk)
            risk.request_release(hold=hold, to_level="REDUCING", actor=self.floor.trader, reason="leave now")
            self.oracle.holds[pk] = (scope, "REDUCING")

    @precondition(lambda self: any(desk.is_throttled for desk in self.oracle.desks.values()))
    @rule()
    def enable(self) -> None:
        for throttle in Throttle.objects.filter(enabled_at__isnull=True):
            risk.enable(throttle=throttle, actor=self.floor.trader, reason="looked at it")
        for desk in self.oracle.desks.values():
            desk.is_throttled = False

    @invariant()
    def units_agree(self) -> None:
        for bot, deployment in self.deployments.items():
            row = Exposure.objects.filter(scope=deployment.bot.scope).first() or Exposure()
            said = (row.position, row.working_buy, row.working_sell)
            desk = self.oracle.desks[bot]
            assert said == (desk.position, self.oracle.units(bot, "BUY"), self.oracle.units(bot, "SELL")), bot

    @invariant()
    def books_agree(self) -> None:
        books = {book.scope_id: book for book in ScopeBook.objects.all()}
        for name, pk in self.scopes.items():
            sums, book = self.oracle.sums(name), books.get(pk) or ScopeBook()
            pnl = Fraction(sums.pop("pnl"))
            assert {kind: Fraction(getattr(book, kind)) for kind in sums} == sums, name
            assert abs(Fraction(book.pnl) - pnl) < Fraction(1, 10**12), name
        assert execution.rebuild_books() == {}

    @invariant()
    def everything_can_be_rebuilt(self) -> None:
        for row in Exposure.objects.all():
            again = execution.rebuild_exposure(exposure=row)
            before = (row.position, row.working_buy, row.working_sell)
            assert (again.position, again.working_buy, again.working_sell) == before

    def picked(self, pick: int) -> Known:
        """One of the orders that work."""
        working = list(self.oracle.working(BOTS))
        return working[pick % len(working)]

    def listen(self, bot: str) -> None:
        """The oracle hears what the venue says: its price and its cash."""
        self.oracle.price = last_price(self.floor)
        account = PaperAccount.objects.get(name=self.deployments[bot].account.name)
        self.oracle.desks[bot].cash = Fraction(account.cash)

    def sync(self) -> None:
        """Book what the venue has traded, here and in the oracle."""
        for deployment in self.deployments.values():
            execution.sync_account(deployment.account)
        done = {known.client_order_id: known for known in self.oracle.orders}
        filled = dict.fromkeys(done, 0)
        for desk in self.oracle.desks.values():
            desk.position, desk.bought, desk.sold = 0, Fraction(0), Fraction(0)
        for trade in PaperTrade.objects.select_related("order").order_by("account_id", "sequence"):
            known = done[trade.order.client_order_id]
            filled[known.client_order_id] += int(trade.quantity)
            self.book(known, trade, is_new=filled[known.client_order_id] > known.filled)
        for name, known in done.items():
            known.filled = filled[name]
        self.follow_venue()

    def book(self, known: Known, trade: PaperTrade, *, is_new: bool) -> None:
        """One trade of the venue's in the oracle's lists; a new one values the position."""
        desk, units = self.oracle.desks[known.wish.bot], int(trade.quantity)
        desk.position += units if trade.side == "BUY" else -units
        if trade.side == "BUY":
            desk.bought += units * Fraction(trade.price)
        else:
            desk.sold += units * Fraction(trade.price)
        if is_new:
            desk.value = desk.position * Fraction(trade.price)

    def follow_venue(self) -> None:
        """Whatever terms and ends the venue states hold."""
        for known in [one for one in self.oracle.orders if one.is_at_venue and not one.is_over]:
            theirs = PaperOrder.objects.get(client_order_id=known.client_order_id)
            is_pending = Order.objects.get(pk=known.row_id).state == "PENDING_REPLACE"
            known.is_over = theirs.state != "open"
            if not is_pending or known.is_over:
                known.wish.quantity, known.asked_quantity = int(theirs.quantity), None
                known.wish.limit_price = None if theirs.limit_price is None else Fraction(theirs.limit_price)


def scope_row(pk: UUID) -> Any:
    """The scope of an id."""
    return Firm.objects.get().scope.__class__.objects.get(pk=pk)


def last_price(floor: Floor) -> Fraction:
    """The close of the newest bar."""
    bar = markets.last_bar(floor.feed)
    assert bar is not None
    return Fraction(bar.close)


@pytest.fixture
def trading(db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> type[Trading]:
    """A floor with two bots, on which ids and clocks are the test's."""
    settings.DUPLICATE_WINDOW_S = 1.0
    monkeypatch.setattr(ids.uuid_utils, "uuid7", Ids(wall))
    line = Line()
    monkeypatch.setattr(venues, "adapter_for", lambda account: line.wrap(PaperAdapter(account.name, timeout_s=5)))
    floor = make_floor(folder, wall, line, closes=CLOSES)
    market_services.tick_feeds()
    Trading.floor, Trading.other = floor, second_bot(floor, "beta")
    PaperAccount.objects.filter(name="beta-paper").update(cash=1_200, opening_cash=1_200)
    let_short()
    trade_in_parts()
    risk.open_books(list(scopes_of({"alpha": floor.deployment, "beta": Trading.other}).values()), mode="paper")
    return Trading


def test_the_gateway_and_an_oracle_of_its_own_agree_at_every_step(trading: type[Trading]) -> None:
    run_state_machine_as_test(trading, settings=RUN)


def test_no_order_is_left_out_of_the_states_that_count() -> None:
    assert frozenset({"DENIED", "NOT_SENT", "REJECTED", "FILLED", "CANCELED", "EXPIRED"}) == TERMINAL
