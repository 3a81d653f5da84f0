"""The client: a call is repeated, an act is not, and the token goes to one place only."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from quarterdeck.client import Client, Settings
from quarterdeck.client.retrying import Pauses
from quarterdeck.failures import ExitCode, Failure

from tests.sdk.conftest import TOKEN
from tests.sdk.platform import Answer, problem

SDK = Path(__file__).resolve().parents[2] / "sdk" / "src"


class Slept:
    """Pauses that only remember how long they would have been."""

    def __init__(self, chance=1.0):
        self.seconds = []
        self.pauses = Pauses(sleep=self.seconds.append, chance=lambda: chance, now=lambda: 0.0)


@pytest.fixture
def slept():
    return Slept()


@pytest.fixture
def client(platform, slept):
    with Client(Settings(platform.url, TOKEN), pauses=slept.pauses) as made:
        yield made


def failure(call, *arguments):
    with pytest.raises(Failure) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_post_that_is_sent_again_is_one_act(client, platform, status):
    platform.on("POST holds/", problem(status, "LATER", "not now"), problem(status, "LATER", "not now"), {"id": "h"})

    assert client.post("holds/", {"reason": "x"}) == {"id": "h"}
    keys = {asked.headers["idempotency-key"] for asked in platform.got("POST holds/")}
    assert (len(platform.got("POST holds/")), len(keys)) == (3, 1)


def test_two_acts_have_two_keys(client, platform):
    platform.on("POST holds/", {})

    client.post("holds/", {})
    client.post("holds/", {})

    assert len({asked.headers["idempotency-key"] for asked in platform.asked}) == 2


def test_an_act_that_is_still_under_way_is_asked_for_again(client, platform):
    platform.on("POST holds/", problem(409, "IDEMPOTENCY_IN_PROGRESS", "wait"), {"id": "h"})

    assert client.post("holds/", {}) == {"id": "h"}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_a_refusal_is_not_sent_again(client, platform, slept, status):
    platform.on("POST holds/", problem(status, "NO", "no"), {"id": "h"})

    failure(client.post, "holds/", {})

    assert (len(platform.asked), slept.seconds) == (1, [])


def test_pauses_grow_and_end(client, platform, slept):
    platform.on("GET firm/", problem(503, "DATABASE_UNAVAILABLE", "the database did not answer"))

    found = failure(client.get, "firm/")

    assert slept.seconds == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert (found.exit_code, found.code) == (ExitCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")


def test_pauses_are_spread(platform):
    slept = Slept(chance=0.25)
    platform.on("GET firm/", problem(503, "LATER", "not now"), {})
    with Client(Settings(platform.url), pauses=slept.pauses) as client:
        client.get("firm/")

    assert slept.seconds == [0.125]


@pytest.mark.parametrize(
    ("asked", "seconds"), [("7", 7.0), ("Thu, 01 Jan 1970 00:00:09 GMT", 9.0), ("3600", 60.0), ("soon", 0.5)]
)
def test_the_server_says_how_long_to_wait(client, platform, slept, asked, seconds):
    platform.on("GET firm/", problem(429, "TOO_MANY", "slow down", headers={"Retry-After": asked}), {})

    client.get("firm/")

    assert slept.seconds == [seconds]


def test_a_platform_that_is_not_there_is_tried_again_and_named(slept):
    with Client(Settings("http://127.0.0.1:1", TOKEN), pauses=slept.pauses) as client:
        found = failure(client.get, "firm/")

    assert (found.exit_code, len(slept.seconds)) == (ExitCode.UNAVAILABLE, 5)
    assert "http://127.0.0.1:1 cannot be reached" in found.sentence


def test_a_redirect_is_not_followed(client, platform):
    platform.on("GET firm/", Answer({}, 302, {"Location": f"{platform.url}/api/v1/elsewhere/"}))

    assert "redirect" in failure(client.get, "firm/").sentence
    assert platform.got("GET elsewhere/") == []


def test_the_next_page_is_asked_for_here_whatever_address_it_names(client, platform):
    elsewhere = "http://198.51.100.1/api/v1/bots/?cursor=abc"
    platform.on("GET bots/", {"results": [1], "next": elsewhere}, {"results": [2], "next": None})

    assert list(client.every("bots/", name="x")) == [1, 2]
    assert platform.asked[1].query == {"name": "x", "page_size": "200", "cursor": "abc"}


def test_an_upload_is_sent_whole_again_and_told_as_it_goes(client, platform, tmp_path):
    artifact = tmp_path / "bot.zip"
    artifact.write_bytes(b"0123456789" * 50_000)
    platform.on("POST code-versions/", problem(503, "LATER", "not now"), {"id": "c"})
    told = []

    client.upload("code-versions/", {"bot": "x"}, artifact, "artifact", lambda done, total: told.append((done, total)))

    bodies = [asked.body for asked in platform.asked]
    assert all(artifact.read_bytes() in body for body in bodies)
    assert told[-1] == (500_000, 500_000)
    assert len(told) > 8


def test_what_is_wrong_is_told_with_its_places(client, platform):
    failures = [{"at": "$.limits", "line": 7, "problem": "too wide", "fix": "at most 500"}]
    fields = {"owner": [{"message": "required", "code": "required"}]}
    context = {"failures": failures, "fields": fields, "beyond": ["BTC-USD"]}
    platform.on("POST bots/", problem(422, "CONFIG_SCHEMA", "it does not fit", context=context))

    found = failure(client.post, "bots/", {})

    assert found.lines() == [
        "CONFIG_SCHEMA: it does not fit",
        "line 7: $.limits: too wide (at most 500)",
        "owner: required",
        'beyond: ["BTC-USD"]',
    ]


def test_who_may_not_is_told_what_to_do(client, platform):
    platform.on("GET firm/", problem(401, "NOT_AUTHENTICATED", "who are you?"))

    found = failure(client.get, "firm/")

    assert found.exit_code == ExitCode.NOT_ALLOWED
    assert "quarterdeck login" in found.lines()[-1]


def test_an_answer_that_is_no_json_names_the_address(slept):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>"))
    with Client(Settings("https://example.org"), pauses=slept.pauses, transport=transport) as client:
        assert "the address of the platform" in failure(client.get, "firm/").sentence


def test_an_exchange_goes_without_the_callers_token(client, platform):
    platform.on("POST token-exchange/", {})
    platform.on("POST holds/", {})

    client.post_form("token-exchange/", {"subject_token": "x"})
    client.post("holds/", {})

    assert "authorization" not in platform.asked[0].headers
    assert platform.asked[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_proxy_of_the_environment_is_used(platform, monkeypatch, slept):
    monkeypatch.setenv("HTTPS_PROXY", platform.url)
    monkeypatch.setenv("NO_PROXY", "")

    with Client(Settings("https://quarterdeck.example", TOKEN), pauses=slept.pauses) as client:
        failure(client.get, "firm/")

    assert {(asked.method, asked.path) for asked in platform.asked} == {("CONNECT", "quarterdeck.example:443")}
    assert all("authorization" not in asked.headers for asked in platform.asked)


def test_a_host_that_needs_no_proxy_is_asked_directly(platform, monkeypatch, slept):
    platform.on("GET firm/", {"name": "here"})
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    with Client(Settings(platform.url), pauses=slept.pauses) as client:
        assert client.get("firm/")["name"] == "here"


def test_the_sandboxs_part_of_the_sdk_needs_and_imports_no_other_package():
    """Without any installed package: -S leaves only the standard library, and the SDK's own folder."""
    code = (
        "import sys, quarterdeck, quarterdeck.runner, quarterdeck.testing, quarterdeck.cli;"
        "print([name for name in sys.modules if name.startswith('quarterdeck.client')])"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(SDK)},
    )

    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
