"""Load: keep-alive HTTP clients in threads of a process of their own, made to cost little.

Reads a `Load` as JSON from standard input, posts from `start_at` to `end_at` (monotonic seconds, the same
clock in every process), prints what came back as JSON. Plain sockets, since a client library would take
more processor time from the server than some of what is measured.
"""

import json
import random
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.measuring import say

HOST = "127.0.0.1"
PROCESSES = 2
THREADS = 8
LEAD_SECONDS = 0.7
TIMEOUT_SECONDS = 30.0
PRICE = b"@PRICE@"  # as long as what takes its place


@dataclass(frozen=True, slots=True)
class Load:
    """What one client process sends; `bodies` are drawn from at random by the seed, each with a new key.

    `number` counts the processes.
    """

    number: int
    port: int
    path: str
    headers: dict[str, str]
    bodies: list[str]
    key: str
    seed: int
    start_at: float
    end_at: float


@dataclass(slots=True)
class Answers:
    """What came back: latencies in ms of the accepted ones (201), and the first answer that was another."""

    accepted_ms: list[float] = field(default_factory=list)
    refused: str = ""


def drive(port: int, path: str, headers: dict[str, str], bodies: list[str], *, seconds: float, seed: int) -> Answers:
    """Post with PROCESSES x THREADS clients for `seconds`; RuntimeError when anything was not accepted."""
    start_at = time.monotonic() + LEAD_SECONDS
    loads = [
        Load(n, port, path, headers, bodies, f"{seed}-{start_at}-{n}", seed + n, start_at, start_at + seconds)
        for n in range(PROCESSES)
    ]
    command = [sys.executable, "-m", "benchmarks.clients"]
    clients = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in loads]
    for client, load in zip(clients, loads, strict=True):
        assert client.stdin is not None
        client.stdin.write(json.dumps(asdict(load)).encode())
        client.stdin.close()
    merged = Answers()
    for client in clients:
        assert client.stdout is not None
        said = Answers(**json.loads(client.stdout.read()))
        client.wait()
        merged.accepted_ms += said.accepted_ms
        merged.refused = merged.refused or said.refused
    if merged.refused:
        raise RuntimeError(f"{path} answered {merged.refused}")
    say(f"{path}: {len(merged.accepted_ms) / seconds:.0f}/s")
    return merged


def main() -> None:
    """Run the load of standard input in THREADS threads."""
    load = Load(**json.load(sys.stdin))
    found = [Answers() for _ in range(THREADS)]
    threads = [threading.Thread(target=_client, args=(load, n, found[n])) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    merged = Answers([ms for one in found for ms in one.accepted_ms], next((a.refused for a in found if a.refused), ""))
    json.dump(asdict(merged), sys.stdout)


def _client(load: Load, number: int, answers: Answers) -> None:
    draw = random.Random(load.seed * THREADS + number)
    posts = [_post(load, body) for body in load.bodies]
    with socket.create_connection((HOST, load.port), TIMEOUT_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(max(0.0, load.start_at - time.monotonic()))
        count = 0
        while (sent_at := time.monotonic()) < load.end_at:
            head, tail = draw.choice(posts)
            count += 1
            own = tail.replace(PRICE, _price(load.number * THREADS + number, count))
            connection.sendall(head + f"{load.key}-{number}-{count}".encode() + own)
            status, said = _read(connection)
            done_at = time.monotonic()
            if status != 201:
                answers.refused = f"{status} {said[:500]!r}"
                return
            if done_at <= load.end_at:
                answers.accepted_ms.append((done_at - sent_at) * 1000)


def _price(client: int, count: int) -> bytes:
    """Another price each time: the same order of a bot twice within a second is refused as a mistake."""
    cents = (client * 6_203 + count) % 100_000
    return f"{9000 + cents // 100}.{cents % 100:02}".encode()


def _post(load: Load, body: str) -> tuple[bytes, bytes]:
    """A request up to and from the idempotency key."""
    content = body.encode()
    fields: dict[str, Any] = {
        "Host": f"{HOST}:{load.port}",
        "Content-Type": "application/json",
        "Content-Length": len(content),
        **load.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {load.path} HTTP/1.1\r\n{lines}Idempotency-Key: ".encode(), b"\r\n\r\n" + content


def _read(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer that has a Content-Length."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _receive(connection)
    head = data[:end].lower()
    mark = head.index(b"\r\ncontent-length:") + 17
    length = int(head[mark : (head + b"\r\n").index(b"\r\n", mark)])
    while len(data) < end + 4 + length:
        data += _receive(connection)
    return int(head[9:12]), data[end + 4 :]


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


if __name__ == "__main__":
    main()
