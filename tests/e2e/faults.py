"""Faults put into a running product: processes killed at once, Redis emptied."""

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.e2e.product import Product, until

WORKERS = ("worker-orders", "worker-cycles", "worker-gates", "worker-default")
PROCESSES = (*WORKERS, "beat", "web", "live", "redis", "postgres")


@dataclass(frozen=True)
class Process:
    """A process that cannot be taken for a later one with the same number."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        """Whether it runs; one that waits to be collected does not."""
        fields = _stat(self.pid)
        return bool(fields) and fields[0] not in "ZX" and fields[19] == self.started


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, and what of the product it takes along."""

    name: str
    strike: Callable[[Product], list[Process]]


def faults() -> list[Fault]:
    """One round: every process by itself, the pool process of every worker, and an empty Redis."""
    parents = [Fault(name, lambda product, name=name: kill(product, name)) for name in PROCESSES]
    children = [Fault(f"{name} child", lambda product, name=name: kill_child(product, name)) for name in WORKERS]
    return [*parents, *children, Fault("redis wiped", wipe_redis)]


def kill(product: Product, name: str) -> list[Process]:
    """Kill a supervised process and wait until it runs again; what died with it."""
    pid = product.pid(name)
    doomed = [process_of(pid), *descendants(pid)]
    os.kill(pid, signal.SIGKILL)
    until(lambda: product.is_running(name, instead_of=pid))
    return doomed


def kill_child(product: Product, name: str) -> list[Process]:
    """Kill one pool process of a worker and wait until the worker has another; what died with it."""
    parent = product.pid(name)
    until(lambda: bool(children_of(parent)))
    before = children_of(parent)
    doomed = [process_of(before[0]), *descendants(before[0])]
    with contextlib.suppress(ProcessLookupError):
        os.kill(before[0], signal.SIGKILL)
    until(lambda: bool(set(children_of(parent)) - set(before)))
    return doomed


def wipe_redis(product: Product) -> list[Process]:
    """Empty Redis: every queue, hint and cached value is gone."""
    with redis.Redis.from_url(product.environment["REDIS_URL"]) as client:
        client.flushall()
    return []


def process_of(pid: int) -> Process:
    """The process that has this number now."""
    fields = _stat(pid)
    return Process(pid, fields[19] if fields else "")


def children_of(pid: int) -> list[int]:
    """The direct children of a process, oldest first."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> list[Process]:
    """Everything below a process, sandboxes of bots included."""
    below = children_of(pid)
    return [process_of(child) for child in below] + [found for child in below for found in descendants(child)]


def sandboxes(product: Product) -> list[int]:
    """The sandboxed bots that run anywhere on this machine for this product."""
    marks = (b"apps.runtime.sandbox.launcher", str(product.var).encode())
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes()
                found += [int(folder.name)] if all(mark in line for mark in marks) else []
    return found


def parent_of(pid: int) -> int:
    """The parent's number; 0 when the process is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name: state, parent, ...; the start time is the 20th."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
