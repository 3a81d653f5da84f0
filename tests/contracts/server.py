"""A small HTTP server that stands in for a venue, keeps books, and fails on command."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.contracts.book import Book

KEY, SECRET = "the-key-of-a-test", "dGhlLXNlY3JldC1vZi1hLXRlc3Q="


class Fault(StrEnum):
    """What goes wrong with one request."""

    DROP_REQUEST = "drop request"  # never processed, connection closed
    DROP_REPLY = "drop reply"  # processed, connection closed
    DELAY = "delay"  # processed, answered too late
    ERROR_500 = "500"  # not processed
    LATE_ERROR_503 = "503"  # processed
    BUSY_429 = "429"  # not processed
    GARBAGE = "garbage"  # processed, the answer is cut off
    EMPTY = "empty"  # processed, the answer is {}
    HTML = "html"  # processed, the answer is a page of some proxy
    DRIP = "drip"  # processed, the answer comes byte by byte
    DUPLICATE = "duplicate"  # processed twice, the second answer comes back


UNANSWERED = {Fault.DROP_REQUEST, Fault.ERROR_500, Fault.BUSY_429}


@dataclass
class Call:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    headers: dict[str, str]
    raw_query: str
    raw_body: str


@dataclass
class Answer:
    """What goes back."""

    body: Any
    status: int = 200


class VenueServer:
    """Base of the stand-ins: `act_of` names what a request is about, `answer` carries it out."""

    def __init__(self) -> None:
        self.book = Book()
        self.acts: Counter[str] = Counter()
        self.calls: list[Call] = []
        self.refusals: dict[str, Answer] = {}
        self._faults: dict[str, Fault] = {}
        self._lock = threading.RLock()
        self._released = threading.Event()
        self.url = ""

    def act_of(self, call: Call) -> str:
        """submit, cancel, lookup, …"""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer:
        """Carry a request out."""
        raise NotImplementedError

    def fail(self, act: str, fault: Fault) -> None:
        """Let the next request about `act` go wrong."""
        self._faults[act] = fault

    def refuse(self, act: str, answer: Answer) -> None:
        """Let the next request about `act` be answered with this instead of being carried out."""
        self.refusals[act] = answer

    def handle(self, call: Call) -> tuple[Answer | None, Fault | None]:
        """What to answer and what goes wrong meanwhile."""
        with self._lock:
            act = self.act_of(call)
            self.acts[act] += 1
            self.calls.append(call)
            fault = self._faults.pop(act, None)
            if fault in UNANSWERED:
                return None, fault
            if act in self.refusals:
                return self.refusals.pop(act), None
            if fault == Fault.DUPLICATE:
                self.answer(call)
            return self.answer(call), fault

    def wait(self, seconds: float = 30) -> bool:
        """Hold a request back; whether the server stops."""
        return self._released.wait(seconds)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve at `url` on a free port."""
        http = _Server(("127.0.0.1", 0), _Handler)
        http.venue = self
        self.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._released.set()
            http.shutdown()
            http.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    venue: VenueServer

    def __init__(self, *args: Any) -> None:
        self._connections: list[socket.socket] = []
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        """Hang up on clients that keep their connections."""
        super().server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        url = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        query, headers = dict(parse_qsl(url.query)), {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, url.path, query, _parsed(raw), headers, url.query, raw)
        answer, fault = self.server.venue.handle(call)
        if fault == Fault.DELAY:
            self.server.venue.wait()
        if fault in (Fault.DROP_REQUEST, Fault.DROP_REPLY, Fault.DELAY):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        with suppress(OSError):
            self._reply(*_spoilt(answer, fault), is_slow=fault == Fault.DRIP)

    def _reply(self, status: int, text: str, kind: str, *, is_slow: bool) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for piece in [body[at : at + 1] for at in range(len(body))] if is_slow else [body]:
            self.wfile.write(piece)
            if is_slow and self.server.venue.wait(0.2):
                return

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _parsed(raw: str) -> dict[str, Any]:
    return json.loads(raw) if raw.startswith("{") else dict(parse_qsl(raw))


def _spoilt(answer: Answer | None, fault: Fault | None) -> tuple[int, str, str]:
    kind = "application/json"
    whole = "" if answer is None or answer.body is None else json.dumps(answer.body)
    match fault:
        case Fault.ERROR_500:
            return 500, '{"message": "internal server error"}', kind
        case Fault.LATE_ERROR_503:
            return 503, "<html>upstream timed out</html>", "text/html"
        case Fault.BUSY_429:
            return 429, '{"code": 42910000, "message": "too many requests."}', kind
        case Fault.GARBAGE:
            return 200, (whole or '{"id": 1}')[:-1], kind
        case Fault.EMPTY:
            return 200, "{}", kind
        case Fault.HTML:
            return 200, "<html>please sign in</html>", "text/html"
        case _:
            assert answer is not None
            return answer.status, whole, kind
