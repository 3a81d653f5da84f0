"""TLS is verified: against the authority that was given, and never not at all."""

import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from quarterdeck.client import Client, Settings
from quarterdeck.client.retrying import Pauses
from quarterdeck.failures import ExitCode, Failure


def certificate(folder):
    """A certificate of 127.0.0.1 signed by itself, and its key: one PEM file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = folder / "both.pem"
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(made.public_bytes(encoding) + private)
    (folder / "authority.pem").write_bytes(made.public_bytes(encoding))
    return path


class Handler(BaseHTTPRequestHandler):
    """Answers everything with an empty object."""

    heard: list[str] = []

    def do_GET(self):
        self.heard.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        """Nothing is logged."""


@pytest.fixture
def address(tmp_path):
    """An HTTPS server with a certificate that only its own authority vouches for."""
    Handler.heard = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_unknown_authority_is_refused_at_once(address):
    slept = []
    client = Client(Settings(address, "token"), pauses=Pauses(sleep=slept.append))
    with client, pytest.raises(Failure, match="--ca-file") as caught:
        client.get("firm/")

    assert (caught.value.exit_code, slept, Handler.heard) == (ExitCode.UNAVAILABLE, [], [])


def test_the_authority_that_was_given_is_trusted(address, tmp_path):
    with Client(Settings(address, "token", tmp_path / "authority.pem")) as client:
        assert client.get("firm/") == {}


def test_the_authority_of_the_environment_is_trusted(address, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))

    with Client(Settings(address, "token")) as client:
        assert client.get("firm/") == {}


def test_a_file_without_certificates_is_named(tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")

    with pytest.raises(Failure, match=r"empty\.pem"):
        Client(Settings("https://127.0.0.1", "token", tmp_path / "empty.pem"))
