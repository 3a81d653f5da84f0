"""The hints' way to the browsers: one Redis subscription per process, fanned out to its sockets."""

import asyncio
import contextlib
import json
from collections import defaultdict
from typing import Protocol
from weakref import WeakKeyDictionary

import structlog
from django.conf import settings
from redis import asyncio as redis

from apps.common.nudges import TOPICS_CHANNEL

log = structlog.get_logger(__name__)
RETRY_S = (0.2, 1.0, 3.0)
PING_S = 10


class Listener(Protocol):
    """A socket that wants hints."""

    async def tell(self, message: dict[str, object]) -> None:
        """Deliver one message; never raises, never blocks for long."""


class Hub:
    """Who listens to what in this process; subscribes when the first socket comes, while the loop lives.

    Losing Redis tells every socket `down` (browsers poll then); coming back tells them `up`, upon which they
    refetch everything: hints sent in between are gone.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._all: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_up = False
        self._redis = redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=2, health_check_interval=PING_S, decode_responses=True
        )

    async def enter(self, listener: Listener) -> None:
        """A socket has opened: it hears at once whether hints flow."""
        self._all.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        await listener.tell({"type": "up" if self._is_up else "down"})

    def leave(self, listener: Listener) -> None:
        """A socket has closed."""
        self._all.discard(listener)
        for topic in [topic for topic, found in self._listeners.items() if listener in found]:
            self.forget(listener, topic)

    def follow(self, listener: Listener, topic: str) -> None:
        """Hints on `topic` go to the socket from now on."""
        self._listeners[topic].add(listener)

    def forget(self, listener: Listener, topic: str) -> None:
        """And no longer."""
        self._listeners[topic].discard(listener)
        if not self._listeners[topic]:
            del self._listeners[topic]

    async def close(self) -> None:
        """Stop listening and let Redis go; a socket that comes later starts it again."""
        while self._task is not None and not self._task.done():
            self._task.cancel()  # again and again: a client library may swallow a cancellation
            await asyncio.wait([self._task], timeout=0.5)
        self._is_up = False
        await self._redis.aclose()

    async def sequence(self, topic: str) -> int | None:
        """The number of the topic's last hint, None while Redis is away."""
        try:
            return int(await self._redis.get(f"quarterdeck:seq:{topic}") or 0)
        except (redis.RedisError, OSError, TimeoutError):
            return None

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._listen()
                failures = 0
            except (redis.RedisError, OSError, TimeoutError) as error:
                failures += 1
                if self._is_up or failures == 1:
                    log.warning("live.redis_lost", error=type(error).__name__)
            await self._turn(is_up=False)
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])

    async def _listen(self) -> None:
        async with self._redis.pubsub() as channel:
            await channel.subscribe(TOPICS_CHANNEL)
            await self._turn(is_up=True)
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=PING_S)
                if message is not None:
                    await self._deliver(message["data"])

    async def _deliver(self, data: str) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            hint = json.loads(data)
            message = {"type": "hint", "topic": str(hint["topic"]), "seq": int(hint["seq"])}
            for listener in list(self._listeners.get(hint["topic"], ())):
                await listener.tell(message)

    async def _turn(self, *, is_up: bool) -> None:
        if self._is_up != is_up:
            self._is_up = is_up
            for listener in list(self._all):
                await listener.tell({"type": "up" if is_up else "down"})


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop, the process has one."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
