"""An OIDC issuer made here: a small HTTP server with discovery and keys, and whatever may go wrong with both."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE = "quarterdeck"
SUBJECT = "repo:harbour/trend:environment:paper"
CLAIMS = {"repository_id": "73124", "environment": "paper"}
ALGORITHM = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
MAKERS = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "EC": lambda: ec.generate_private_key(ec.SECP256R1()),
    "OKP": ed25519.Ed25519PrivateKey.generate,
}
_made: dict[str, Any] = {}


def private_key(kid: str, kind: str = "EC") -> Any:
    """The private key of that name, made on first use."""
    return _made.setdefault(f"{kid}:{kind}", MAKERS[kind]())


def public_jwk(kid: str, kind: str = "EC") -> dict[str, Any]:
    """The public half of a key as it is published."""
    algorithm = jwt.get_algorithm_by_name(ALGORITHM[kind])
    published = algorithm.to_jwk(private_key(kid, kind).public_key(), as_dict=True)
    published.pop("key_ops", None)
    return published | {"kid": kid, "use": "sig", "alg": ALGORITHM[kind]}


def public_pem(kid: str, kind: str) -> bytes:
    """The public half as text, which a confused verifier might take for a shared secret."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(private_key(kid, kind).public_key().public_bytes(serialization.Encoding.PEM, form))


def claims_of(issuer: str, now_s: float | None = None, **changes: Any) -> dict[str, Any]:
    """The claims of a CI job's token, five minutes long; a change to None leaves a claim out."""
    now = int(time.time() if now_s is None else now_s)
    claims = {"iss": issuer, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "nbf": now, "exp": now + 300, **CLAIMS}
    claims |= {"jti": f"job-{time.perf_counter_ns()}"} | changes
    return {name: value for name, value in claims.items() if value is not None}


def signed(claims: dict[str, Any], kid: str = "one", kind: str = "EC", **header: Any) -> str:
    """The claims as the issuer signs them."""
    return jwt.encode(claims, private_key(kid, kind), ALGORITHM[kind], {"kid": kid, **header})


class Issuer:
    """A running issuer; a test changes what it publishes and how it misbehaves."""

    def __init__(self) -> None:
        self.keys = [public_jwk("one")]
        self.asked: list[str] = []
        self.misbehaves: Any = None
        self.described: dict[str, Any] = {}
        self.url = ""

    def token(self, **changes: Any) -> str:
        """A token of a job, signed with the first key."""
        return signed(claims_of(self.url, **changes))

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a GET."""
        self.asked.append(path)
        if self.misbehaves is not None:
            return self.misbehaves(path)
        if path == "/.well-known/openid-configuration":
            described = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"} | self.described
            return 200, {}, json.dumps(described).encode()
        return 200, {}, json.dumps({"keys": self.keys}).encode()


@contextmanager
def running() -> Iterator[Issuer]:
    """An issuer on a free port of this machine."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = issuer.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
