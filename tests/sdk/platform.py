"""A platform to call: a real HTTP server that answers as a test scripts it, and remembers what it got."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Answer:
    """What is answered: a JSON body, a status, and headers."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Platform:
    """Answers by "METHOD path"; several answers come in turn and the last one stays."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, list[Answer]] = {}
        self.url = ""

    def on(self, route: str, *answers: Answer | dict[str, Any] | list[Any]) -> None:
        """What `route`, as in "GET bots/", is answered with."""
        self.answers[route] = [one if isinstance(one, Answer) else Answer(one) for one in answers]

    def lists(self, path: str, *rows: dict[str, Any]) -> None:
        """A list that has one page."""
        self.on(f"GET {path}", {"results": list(rows), "next": None, "previous": None})

    def got(self, route: str) -> list[Asked]:
        """The requests that came for a route."""
        method, path = route.split()
        return [one for one in self.asked if (one.method, one.path) == (method, path)]

    def answer(self, asked: Asked) -> Answer:
        """The next answer of a route; an unknown one is a 404 with the platform's problem details."""
        self.asked.append(asked)
        waiting = self.answers.get(f"{asked.method} {asked.path}")
        if not waiting:
            return problem(404, "ROUTE_UNKNOWN", f"no such address: {asked.method} {asked.path}")
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def problem(status: int, code: str, detail: str, **headers_and_context: Any) -> Answer:
    """Problem details as the platform words them; `context` and `headers` are optional."""
    body = {"status": status, "code": code, "detail": detail, "request_id": "0123"}
    if "context" in headers_and_context:
        body["context"] = headers_and_context["context"]
    return Answer(body, status, headers_and_context.get("headers", {}))


@contextmanager
def serving() -> Iterator[Platform]:
    """A platform that listens while the block runs."""
    platform = Platform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            parts = urlsplit(self.path if self.path.startswith("/") else f"/{self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = parts.path.removeprefix("/api/v1/").lstrip("/")
            answer = platform.answer(Asked(self.command, path, query, headers, body))
            text = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(text)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_CONNECT = _handle

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    platform.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
