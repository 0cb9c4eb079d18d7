"""Fetching at somebody's wish reaches the internet only: real sockets, a real server in our own network."""

import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core import outgoing


class Answers(BaseHTTPRequestHandler):
    """A server of the office's own network that remembers who asked for what."""

    asked = []
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.asked.append((self.path, self.headers["Host"]))
        if self.path == "/pindah":
            self.send_response(302)
            self.send_header("Location", "/daftar")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/hilang" else 200)
        self.end_headers()
        if self.path == "/besar":
            self.wfile.write(b"x" * 5_000)
        elif self.path == "/lambat":
            while True:  # until nobody reads any more
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(b'{"keys": []}')

    def log_message(self, *_args):
        """Silent."""


@pytest.fixture
def server(settings):
    Answers.asked = []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    running.where = f"127.0.0.1:{running.server_address[1]}"
    settings.OUTGOING_INTERNAL_HOSTS = []
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::ffff:127.0.0.1]",
     "[fe80::1]", "224.0.0.1", "2130706433", "0x7f.1"],
)  # fmt: skip
def test_nothing_inside_is_reached(server, host):
    port = server.server_address[1]
    # Before anything is connected.
    with pytest.raises(outgoing.NotFetched, match=r"jaringan dalam|tidak ditemukan"):
        outgoing.fetch(f"https://{host}:{port}/daftar", most=1_000)
    for scheme in ("http", "ftp", "file", "gopher"):
        with pytest.raises(outgoing.NotFetched, match="https://"):
            outgoing.fetch(f"{scheme}://{host}:{port}/daftar", most=1_000)
    assert Answers.asked == []


@pytest.mark.parametrize(
    "url", ["", "https://", "daftar", "https://u:p@example.org/", "https://x:99999/", "https://tak.invalid/"]
)
def test_addresses_that_are_none_are_refused_with_a_reason(url):
    with pytest.raises(outgoing.NotFetched) as told:
        outgoing.fetch(url, most=10)
    assert str(told.value)


def test_mirror_that_the_operator_named_is_reached_and_told_its_name(server, settings):
    settings.OUTGOING_INTERNAL_HOSTS = [server.where]
    assert outgoing.fetch(f"http://{server.where}/daftar?a=1#b", most=1_000) == b'{"keys": []}'
    assert Answers.asked == [("/daftar?a=1", server.where)]


def test_no_redirect_is_followed_and_no_error_page_is_taken_for_a_list(server, settings):
    settings.OUTGOING_INTERNAL_HOSTS = [server.where]
    for path in ("/pindah", "/hilang"):
        with pytest.raises(outgoing.NotFetched, match="bukan dokumen"):
            outgoing.fetch(f"http://{server.where}{path}", most=1_000)
    assert [path for path, _host in Answers.asked] == ["/pindah", "/hilang"]


def test_large_and_slow_answers_are_cut(server, settings, monkeypatch):
    settings.OUTGOING_INTERNAL_HOSTS = [server.where]
    with pytest.raises(outgoing.NotFetched, match="terlalu besar"):
        outgoing.fetch(f"http://{server.where}/besar", most=1_000)
    monkeypatch.setattr(outgoing, "TOTAL_SECONDS", 0.5)
    with pytest.raises(outgoing.NotFetched, match="terlalu lambat"):
        outgoing.fetch(f"http://{server.where}/lambat", most=1_000_000)  # which by itself never ends


def test_dead_server_is_one_kind_of_error(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{free.getsockname()[1]}"
    settings.OUTGOING_INTERNAL_HOSTS = [where]
    with pytest.raises(outgoing.NotFetched, match="ConnectError"):
        outgoing.fetch(f"http://{where}/", most=10)


def test_certificate_nobody_vouches_for_is_refused(server, settings, tmp_path):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "tls.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    settings.OUTGOING_INTERNAL_HOSTS = [server.where]
    with pytest.raises(outgoing.NotFetched, match="ConnectError"):
        outgoing.fetch(f"https://{server.where}/daftar", most=1_000)
    assert Answers.asked == []
