"""The live socket, against a real Redis and real commits: who hears what, and when it ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from apps.access.models import User
from apps.audit.context import acting
from apps.common.nudges import TOPICS_CHANNEL
from apps.console import consumers, live, topics
from controlplane.asgi import application
from tests.api.world import World, make_world
from tests.console.conftest import BACKEND

ORIGIN = (b"origin", settings.ALLOWED_ORIGINS[0].encode())


@pytest.fixture
def world(committed_db: str, tmp_path: Any, settings: Any) -> World:
    """Two desks, committed: the socket reads through connections of its own."""
    settings.DATASET_ROOT = tmp_path
    return make_world(tmp_path)


def cookie_of(user: User | None) -> tuple[bytes, bytes]:
    """The cookie of a browser, signed in or not."""
    client = Client()
    if user is not None:
        client.force_login(user, backend=BACKEND)
    found = client.cookies.get(settings.SESSION_COOKIE_NAME)
    return b"cookie", f"{settings.SESSION_COOKIE_NAME}={found.value if found else ''}".encode()


def browser_with(*headers: tuple[bytes, bytes]) -> ApplicationCommunicator:
    """A socket that asks to be opened."""
    scope = {
        "type": "websocket",
        "path": "/live/",
        "query_string": b"",
        "headers": list(headers),
        "subprotocols": [],
    }
    return ApplicationCommunicator(application, scope)


@asynccontextmanager
async def socket(*headers: tuple[bytes, bytes]) -> AsyncIterator[ApplicationCommunicator]:
    """An open socket, closed at the end whatever happens."""
    browser = browser_with(ORIGIN, *headers)
    await browser.send_input({"type": "websocket.connect"})
    assert (await browser.receive_output(timeout=10))["type"] == "websocket.accept"
    try:
        yield browser
    finally:
        await browser.send_input({"type": "websocket.disconnect", "code": 1000})
        await browser.wait(timeout=10)
        await live.hub().close()
        await database_sync_to_async(topics.signed_in)("")  # waits its turn: no query is left on its way


async def until(browser: ApplicationCommunicator, kind: str) -> dict[str, Any]:
    """The next message of a kind; others are passed over."""
    while True:
        output = await browser.receive_output(timeout=10)
        message = json.loads(output["text"])
        if message["type"] == kind:
            return message


async def say(browser: ApplicationCommunicator, text: str) -> None:
    await browser.send_input({"type": "websocket.receive", "text": text})


async def follow(browser: ApplicationCommunicator, *wanted: str) -> None:
    await say(browser, json.dumps({"type": "subscribe", "topics": list(wanted)}))


async def close_code(browser: ApplicationCommunicator) -> int:
    """The code with which the server closes the socket."""
    while True:
        message = await browser.receive_output(timeout=10)
        if message["type"] == "websocket.close":
            return message["code"]


def play(scene: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(scene())


def publish(topic: str, seq: int) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as connection:
        connection.publish(TOPICS_CHANNEL, json.dumps({"topic": topic, "seq": seq}))


def test_a_person_hears_of_what_they_follow(world):
    cookie, topic = cookie_of(world.own.people["trader"]), f"bot:{world.own.bot.pk}"

    async def scene():
        async with socket(cookie) as browser:
            await until(browser, "up")
            await follow(browser, topic)
            await until(browser, "subscribed")
            publish("fleet", 1)
            publish(topic, 7)
            return await until(browser, "hint")

    assert play(scene) == {"type": "hint", "topic": topic, "seq": 7}


def test_a_bot_of_another_desk_cannot_be_followed(world):
    cookie, topic = cookie_of(world.own.people["trader"]), f"bot:{world.other.bot.pk}"

    async def scene():
        async with socket(cookie) as browser:
            await follow(browser, topic)
            return await until(browser, "denied")

    assert play(scene)["code"] == "PERMISSION_DENIED"


def test_nobody_listens_without_signing_in(world):
    async def scene():
        async with socket(cookie_of(None)) as browser:
            return await close_code(browser)

    assert play(scene) == consumers.SIGNED_OUT


def test_a_foreign_origin_is_refused(world):
    cookie = cookie_of(world.own.people["trader"])

    async def scene():
        browser = browser_with((b"origin", b"https://evil.example"), cookie)
        await browser.send_input({"type": "websocket.connect"})
        return (await browser.receive_output(timeout=10))["type"]

    assert play(scene) == "websocket.close"


@pytest.mark.parametrize("revoke", ["session", "person"])
def test_a_socket_ends_soon_after_the_sign_in_does(world, monkeypatch, revoke):
    monkeypatch.setattr(consumers, "CHECK_EVERY_S", 0.05)
    person = world.own.people["trader"]
    cookie = cookie_of(person)

    async def scene():
        async with socket(cookie) as browser:
            await database_sync_to_async(_revoke)(person, revoke)
            return await close_code(browser)

    assert play(scene) == consumers.SIGNED_OUT


def _revoke(person: User, what: str) -> None:
    if what == "session":
        Session.objects.all().delete()
        return
    with acting("job:test", "left the firm"):
        User.objects.filter(pk=person.pk).update(is_active=False)


@pytest.mark.parametrize("text", ["no json", "[]", '{"type": "subscribe"}', '{"type": "subscribe", "topics": [1]}'])
def test_a_malformed_message_closes_the_socket(world, text):
    cookie = cookie_of(world.own.people["trader"])

    async def scene():
        async with socket(cookie) as browser:
            await say(browser, text)
            return await close_code(browser)

    assert play(scene) == consumers.MALFORMED


@pytest.mark.parametrize("messages", [[[f"bot:{n}" for n in range(51)]], [["fleet"]] * 31])
def test_too_many_topics_or_messages_close_the_socket(world, messages):
    cookie = cookie_of(world.own.people["trader"])

    async def scene():
        async with socket(cookie) as browser:
            for wanted in messages:
                await follow(browser, *wanted)
            return await close_code(browser)

    assert play(scene) == consumers.TOO_MUCH


def test_browsers_are_told_when_redis_is_away(world, monkeypatch, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    cookie = cookie_of(world.own.people["trader"])

    async def scene():
        async with socket(cookie) as browser:
            return await until(browser, "down")

    assert play(scene) == {"type": "down"}


@pytest.mark.parametrize("topic", ["bot:not-an-id", "user:" + "0" * 36, "secrets", "bot:" + "g" * 36])
def test_an_unknown_topic_is_nobodys(world, topic):
    assert topics.may_follow(world.own.people["trader"], {topic}) == set()
