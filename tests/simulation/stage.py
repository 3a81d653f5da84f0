"""Who works at the moment, where a worker can die, and where another one can come in between.

The product runs on one thread and one connection. Two workers still meet: a step may start inside another one
wherever no transaction is open (before one begins, after one has ended, around a call to the venue), which is where two
processes that lock their rows can interleave. A worker dies before any SQL statement or beside a venue call.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from unittest.mock import patch

from django.db import connection

from apps.common import claims

DEPTH_MAX = 2
UNWINDING = ("ROLLBACK TO", "RELEASE")
WRITES = ("INSERT", "UPDATE", "DELETE")


class SimulatedKill(BaseException):
    """The process is gone; what it had not committed never happened."""


@dataclass
class Worker:
    """A process that does one step; it dies before its `dies_in`-th statement or venue call."""

    name: str
    dies_in: int | None
    statements: int = 0
    is_dead: bool = False

    def breathe(self) -> None:
        """One statement or call more."""
        self.statements += 1
        if self.is_dead or self.statements == self.dies_in:
            self.is_dead = True
            raise SimulatedKill(self.name)


@dataclass
class Stage:
    """The workers at work, the innermost last; `interrupt` runs a step of somebody else, `stall` lets time pass."""

    choices: Random
    kill_rate: float = 0.0
    interrupt_rate: float = 0.0
    interrupt: Callable[[], None] = lambda: None
    stall: Callable[[], None] = lambda: None
    workers: list[Worker] = field(default_factory=list)
    hired: int = 0
    kills: int = 0
    interrupts: int = 0
    is_watched: bool = True
    has_written: bool = True

    def hire(self) -> Worker:
        """A worker for one step, doomed or not."""
        self.hired += 1
        dies_in = self.choices.randrange(1, 60) if self.choices.random() < self.kill_rate else None
        return Worker(f"worker-{self.hired}", dies_in)

    @contextmanager
    def working(self, worker: Worker) -> Iterator[None]:
        """The block runs in this worker's process; its death ends the block only."""
        self.workers.append(worker)
        try:
            yield
        except SimulatedKill:
            self.kills += 1
        finally:
            self.workers.pop()

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """The block is nobody's work: nobody dies in it and nobody comes in between."""
        before, self.is_watched = self.is_watched, False
        try:
            yield
        finally:
            self.is_watched = before

    def pause(self) -> None:
        """A place where no transaction is open: the worker may die here, and others may act."""
        if not self.is_watched or not self.workers or connection.in_atomic_block:
            return
        self.workers[-1].breathe()
        chance = self.choices.random()
        if chance < self.interrupt_rate / 2:
            self.stall()
        elif chance < self.interrupt_rate * 1.5 and len(self.workers) < DEPTH_MAX:
            self.interrupts += 1
            self.interrupt()

    def on_statement(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Django's wrapper around every statement."""
        text = str(sql)
        if self.is_watched and self.workers and not text.startswith(UNWINDING):
            self.workers[-1].breathe()
        self.has_written = self.has_written or text.startswith(WRITES)
        return execute(sql, params, many, context)

    def name(self) -> str:
        """The lease owner."""
        return self.workers[-1].name if self.workers else "nobody"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Watch the connection of this thread."""
        switch = connection.set_autocommit

        def watched(autocommit: bool, *args: Any, **kwargs: Any) -> None:
            if not autocommit:
                self.pause()
            switch(autocommit, *args, **kwargs)
            if autocommit:
                self.pause()

        with (
            connection.execute_wrapper(self.on_statement),
            patch.object(connection, "set_autocommit", watched),
            patch.object(claims, "worker_name", self.name),
        ):
            yield
