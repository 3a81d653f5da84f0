"""The live socket: authenticated people follow topics and hear which of them changed."""

import asyncio
import contextlib
import json
import time
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from apps.console import live, topics

SIGNED_OUT, MALFORMED, TOO_MUCH = 4401, 4400, 4429
MESSAGE_BYTES_MAX = 4_096
TOPICS_MAX = 50
MESSAGES_MAX, WINDOW_S = 30, 10.0
CHECK_EVERY_S = 3.0


class LiveConsumer(AsyncWebsocketConsumer):
    """One browser. It sends `{"type": "subscribe", "topics": [...]}`; it gets hints, never data."""

    channel_layer_alias = "none"  # fan-out is the hub's: no connection to Redis per socket

    async def connect(self) -> None:
        """Accept people who are signed in; close with 4401 otherwise, so that the page reloads."""
        self.topics: set[str] = set()
        self.window_started, self.messages = time.monotonic(), 0
        self.watch: asyncio.Task[None] | None = None
        await self.accept()
        session = self.scope.get("session")
        self.session_key = getattr(session, "session_key", None) or ""
        if not self.session_key or await database_sync_to_async(topics.signed_in)(self.session_key) is None:
            await self.close(code=SIGNED_OUT)
            return
        self.watch = asyncio.create_task(self._watch())
        await live.hub().enter(self)

    async def disconnect(self, code: int) -> None:
        """Forget the browser."""
        if self.watch:
            self.watch.cancel()
        live.hub().leave(self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A subscription; anything malformed, too large or too often closes the socket."""
        if not self._is_within_rate():
            await self.close(code=TOO_MUCH)
            return
        wanted = _parse(text_data)
        if wanted is None or len(self.topics | wanted) > TOPICS_MAX:
            await self.close(code=MALFORMED if wanted is None else TOO_MUCH)
            return
        allowed = await database_sync_to_async(self._allowed)(wanted)
        if allowed is None:
            await self.close(code=SIGNED_OUT)
            return
        for topic in sorted(wanted):
            await (self._follow(topic) if topic in allowed else self._deny(topic))

    async def tell(self, message: dict[str, object]) -> None:
        """Hand a message to the browser; a socket that is gone is no error."""
        with contextlib.suppress(Exception):
            await self.send(text_data=json.dumps(message))

    async def _follow(self, topic: str) -> None:
        self.topics.add(topic)
        live.hub().follow(self, topic)
        sequence = await live.hub().sequence(topic)
        if sequence is not None:
            await self.tell({"type": "subscribed", "topic": topic, "seq": sequence})

    async def _deny(self, topic: str) -> None:
        self.topics.discard(topic)
        live.hub().forget(self, topic)
        message = "there is no such topic within your reach"
        await self.tell({"type": "denied", "topic": topic, "code": "PERMISSION_DENIED", "message": message})

    async def _watch(self) -> None:
        """Every few seconds: is the sign-in still good, and is every topic still within reach?"""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                allowed = await database_sync_to_async(self._allowed)(set(self.topics))
            except DatabaseError:
                allowed = None  # what cannot be checked is not allowed; the browser comes back
            if allowed is None:
                await self.close(code=SIGNED_OUT)
                return
            for topic in self.topics - allowed:
                await self._deny(topic)

    def _allowed(self, wanted: set[str]) -> set[str] | None:
        user = topics.signed_in(self.session_key)
        return None if user is None else topics.may_follow(user, wanted)

    def _is_within_rate(self) -> bool:
        now = time.monotonic()
        if now - self.window_started > WINDOW_S:
            self.window_started, self.messages = now, 0
        self.messages += 1
        return self.messages <= MESSAGES_MAX


def _parse(text: str | None) -> set[str] | None:
    """The topics of a subscription, None when it is none."""
    if not text or len(text.encode()) > MESSAGE_BYTES_MAX:
        return None
    try:
        message: Any = json.loads(text)
    except ValueError:
        return None
    wanted = message.get("topics") if isinstance(message, dict) and message.get("type") == "subscribe" else None
    if not isinstance(wanted, list) or not all(isinstance(topic, str) for topic in wanted):
        return None
    return set(wanted)
