"""One run: a seed decides who acts when, what the venue does to each call, who dies and what the clock says."""

import hashlib
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import structlog
from django.db import connection

from apps.common import nudges
from apps.common.errors import DomainError
from apps.deployments.models import Deployment
from apps.execution import tasks as execution_tasks
from apps.execution.models import AccountSync, Anomaly, Fill, Order, Position
from apps.reconciliation import books as reconciliation_books
from apps.reconciliation import services as reconciliation
from apps.risk.models import Exposure, Hold
from apps.venues import breaker, budget, messages
from apps.venues.adapters.base import NoAnswer, VenueRejected
from apps.venues.models import Account
from apps.venues.paper import adapter as paper_adapter
from apps.venues.paper.models import PaperOrder, PaperTrade
from tests.simulation import invariants, sends
from tests.simulation.invariants import Broken, Excuses, Seen
from tests.simulation.line import UNBOUNDED_S, Garbage, Line, Message
from tests.simulation.sources import Clock, Ids, Timer, injected
from tests.simulation.stage import Stage
from tests.simulation.world import World, forget

REPAIRABLE, UNLIMITED = "repairable", "unlimited"
PROFILES = (REPAIRABLE, UNLIMITED)
TAIL = 40
QUEUE_MAX = 20
# Modules of the product that measure or wait by themselves.
TIMED = (execution_tasks, reconciliation, reconciliation_books)
# Rows that the product reads in whatever order they come in get one, the same in every run.
UNORDERED = (Order, Fill, Position, AccountSync, Anomaly, Deployment, Hold, Exposure, Account, PaperOrder, PaperTrade)
EXPECTED = (NoAnswer, VenueRejected, Garbage)


@dataclass
class Outcome:
    """What a run came to; `broken` is empty when every invariant held."""

    seed: int
    profile: str
    steps: int
    trace_hash: str
    orders: int
    states: Counter[str]
    faults: Counter[str]
    acts: Counter[str]
    broken: str = ""
    at_step: int = 0
    trace: list[str] = field(default_factory=list)

    @property
    def tail(self) -> list[str]:
        """The end of the trace."""
        return self.trace[-TAIL:]


@contextmanager
def memory_of_its_own(*, is_inner: bool) -> Iterator[None]:
    """A worker that comes in between is another process: it shares no memory with the one that it interrupts."""
    if not is_inner:
        yield
        return
    taken, known, waiting = budget._taken, dict(breaker._known), messages._waiting.messages
    slices, called = dict(taken.slices), dict(taken.orders)
    forget()
    try:
        yield
    finally:
        forget()
        breaker._known.update(known)
        taken.slices.update(slices)
        taken.orders.update(called)
        messages._waiting.messages = waiting


class Simulation:
    """The state of one run; `tests.simulation.steps` acts on it."""

    def __init__(self, world: World, seed: int, profile: str) -> None:
        self.world, self.seed, self.profile = world, seed, profile
        self.choices = random.Random(f"{seed} {profile}")
        self.clock = Clock()
        self.ids = Ids(self.clock, random.Random(f"{seed} ids"))
        self.stage = Stage(self.choices)
        self.line = Line(self.clock, self.stage, self.choices, self.name_of)
        self.line.before_send, self.line.on_arrival = self._before_send, self._on_arrival
        self.excuses = Excuses()
        self.queue: list[str] = []
        self.trace: list[str] = []
        self.acts: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self.seen: dict[str, Seen] = {}
        self.names: dict[str, str] = {}
        self.tickets: list[Any] = []
        self.step = 0
        self.nudges_rate, self.bust_rate = 1.0, 0.0

    def set_faults(self, is_harsh: bool) -> None:
        """How bad this seed is: by chance, or some of everything."""

        def pick(harsh: float, *rates: float) -> float:
            return harsh if is_harsh else self.choices.choice(rates)

        self.line.rate = pick(0.12, 0.0, 0.05, 0.15, 0.35)
        self.line.late_fill_rate = pick(0.2, 0.0, 0.0, 0.3)
        self.stage.kill_rate = pick(0.03, 0.0, 0.03, 0.1)
        self.stage.interrupt_rate = pick(0.04, 0.0, 0.01, 0.04)
        self.nudges_rate = pick(0.7, 0.0, 0.5, 1.0)
        self.bust_rate = pick(0.1, 0.0, 0.0, 0.0, 0.5)
        if self.profile == UNLIMITED:
            self.line.delay_s_max = UNBOUNDED_S

    def repair(self) -> None:
        """From now on nothing fails any more; what is under way still arrives."""
        self.line.rate = self.line.late_fill_rate = 0.0
        self.stage.kill_rate = self.stage.interrupt_rate = 0.0
        self.line.is_out, self.nudges_rate, self.bust_rate = False, 1.0, 0.0

    def name_of(self, client_order_id: str) -> str:
        """An order's name in the trace, by its first appearance."""
        if not client_order_id:
            return ""
        return self.names.setdefault(client_order_id, f"o{len(self.names) + 1}")

    def note(self, text: str) -> None:
        """A line of the trace; calls to the venue that came before it go first."""
        self.trace += [f"{self.step}   {said}" for said in self.line.log]
        self.line.log.clear()
        self.trace.append(f"{self.step} {text}")

    def act(self, name: str, doing: Callable[[], Any]) -> Any:
        """One worker does one thing; None when it was refused or the worker died."""
        self.acts[name] += 1
        worker, answer, said = self.stage.hire(), None, "died"
        with memory_of_its_own(is_inner=bool(self.stage.workers)), self.stage.working(worker):
            try:
                answer = doing()
                said = "" if answer is None else str(answer)
            except DomainError as error:
                said = error.code
                if error.code == "STATE_CONFLICT" and name not in ("operate", "release"):
                    raise Broken(f"STATE_CONFLICT in {name}: {error.message}") from error
            except Exception as error:
                raise Broken(f"FAILED_INSIDE {name}: {type(error).__name__}: {error}") from error
        if worker.is_dead:
            forget()
        if connection.in_atomic_block:
            raise Broken(f"TRANSACTION_LEFT_OPEN by {name}")
        self.note(f"{'  ' * len(self.stage.workers)}{name}: {said}")
        return answer

    def look(self) -> None:
        """Check every invariant if anything was written, and put what has changed into the trace."""
        if not self.stage.has_written:
            return
        self.stage.has_written = False
        before, self.seen = self.seen, invariants.orders()
        for client_id, order in self.seen.items():
            old = before.get(client_id)
            if old != order:
                was = old.state if old else "new"
                self.note(f"  {self.name_of(client_id)} {was} -> {order.state} {order.filled} {order.codes}")
        if self.errors:
            error = self.errors[0]
            raise Broken(f"FAILED_INSIDE: {type(error).__name__}: {error}") from error
        invariants.check(self.excuses, self.seen)
        invariants.check_no_doubt_ended_unasked(self.seen, before, self.line)
        invariants.check_sent_once(self.line)
        invariants.check_guards(self.excuses, self.seen)
        sends.check_drained(self.excuses.late)

    def _before_send(self, name: str, request: Any) -> None:
        permit = sends.check_send(name, request.client_order_id)
        if name == "submit" and not self.excuses.late:
            sends.check_exit(permit, request.client_order_id, self.line.confirmed.get(self.stage.name()))

    def _on_arrival(self, message: Message) -> None:
        """A request arrives long after: when we had ended the order by then, what follows is the wire's doing."""
        order = invariants.orders().get(message.subject)
        state = "" if order is None else order.state
        if message.name == "submit" and state not in ("SUBMITTING", "UNKNOWN"):
            self.excuses.late.add(message.subject)
        elif message.name == "replace" and state != "PENDING_REPLACE":
            self.excuses.late_terms.add(message.subject)
        else:
            return
        self.line.faults["arrived_late"] += 1

    def on_nudge(self, task: str) -> None:
        """The queue takes a nudge: it keeps it, loses it or delivers it twice."""
        if self.choices.random() < self.nudges_rate and len(self.queue) < QUEUE_MAX:
            self.queue += [task] * self.choice_of((1, 1, 2))
        else:
            self.line.faults["drop_nudge"] += 1

    def choice_of(self, options: tuple[Any, ...]) -> Any:
        """One of them."""
        return self.choices.choice(options)

    def on_log(self, _: Any, method: str, event: dict[str, Any]) -> Any:
        """Work that failed inside is caught and logged by the product; a run must not overlook it."""
        error = sys.exc_info()[1]
        if method == "exception" and error is not None and not isinstance(error, EXPECTED):
            self.errors.append(error)
        raise structlog.DropEvent

    @contextmanager
    def open(self) -> Iterator[None]:
        """The product runs on this run's clock, ids, queue and wires."""
        real = paper_adapter.connect
        with ExitStack() as stack:
            stack.enter_context(self._logging())
            stack.enter_context(injected(self.clock, self.ids))
            for module in TIMED:
                stack.enter_context(patch.object(module, "time", Timer(self.clock)))
            stack.enter_context(patch.multiple(nudges, _send=self.on_nudge, _publish=lambda topics: None))
            stack.enter_context(patch.object(nudges, "_blocked_until", 0.0))
            stack.enter_context(patch.object(paper_adapter, "connect", lambda *args: self.line.wrap(real(*args))))
            for model in UNORDERED:
                stack.enter_context(patch.object(model._meta, "ordering", ("id",)))
            stack.enter_context(self.stage.open())
            yield

    @contextmanager
    def _logging(self) -> Iterator[None]:
        """What the product logs comes here and goes no further."""
        processors = structlog.get_config()["processors"]
        before, processors[:] = list(processors), [self.on_log]
        try:
            yield
        finally:
            processors[:] = before

    def outcome(self, steps: int, error: Broken | None) -> Outcome:
        """What it came to."""
        self.note("end")
        return Outcome(
            seed=self.seed,
            profile=self.profile,
            steps=steps,
            trace_hash=hashlib.sha256("\n".join(self.trace).encode()).hexdigest(),
            orders=len(self.seen),
            states=Counter(order.state for order in self.seen.values()),
            faults=self.line.faults
            + Counter(kill=self.stage.kills, interrupt=self.stage.interrupts, clock_step=self.clock.steps),
            acts=self.acts,
            broken=str(error) if error else "",
            at_step=self.step,
            trace=self.trace,
        )
