"""The nginx configuration, run by a real nginx in front of a real gunicorn, with production settings."""

import contextlib
import datetime
import gzip
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parents[2]
HOST = "vaksin.example.go.id"
pytestmark = pytest.mark.timeout(240)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class Nginx:
    """One running nginx with the project's configuration."""

    def __init__(self, program: str, folder: Path, upstream_port: int, static: Path) -> None:
        folder.mkdir()
        self.http, self.https = unused_port(), unused_port()
        write_certificate(folder / "tls")
        self.access_log = folder / "access.log"
        values = {
            "WEB_ADDRESS": f"127.0.0.1:{upstream_port}",
            "HTTP_LISTEN": f"127.0.0.1:{self.http}",
            "HTTPS_LISTEN": f"127.0.0.1:{self.https}",
            "STATIC_ROOT": str(static),
            "TLS_FOLDER": str(folder / "tls"),
            "PAGES_FOLDER": str(ROOT / "deploy/nginx/pages"),
            "ACCESS_LOG": str(self.access_log),
        }
        text = (ROOT / "deploy/nginx/portal.conf.template").read_text()
        for name, value in values.items():
            text = text.replace("${" + name + "}", value)
        (folder / "portal.conf").write_text(text)
        temporary = "".join(
            f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        main = Template("""$user
daemon off; master_process on; worker_processes 1; pid $folder/nginx.pid; error_log $folder/error.log;
events { worker_connections 512; }
http { types { text/css css; application/javascript js; image/svg+xml svg; text/html html; }
$temporary include $folder/portal.conf; }
""").substitute(user="user root;" if os.geteuid() == 0 else "", folder=folder, temporary=temporary)
        (folder / "nginx.conf").write_text(main)
        command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        self.log = folder / "output"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        wait_for_port(self.https, self.process, self.log)

    def get(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.https, context=context, timeout=20)
        connection.request(method, path, body=body, headers={"Host": HOST} | headers)
        return connection.getresponse()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class Site:
    """nginx, gunicorn and the collected static files."""

    def __init__(self, nginx: Nginx, gunicorn: subprocess.Popen[bytes], static: Path) -> None:
        self.nginx, self.gunicorn, self.static = nginx, gunicorn, static
        self.get = nginx.get


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, requires: Callable[[str], str]
) -> Iterator[Site]:
    from django.db import connection

    program = requires("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    port = unused_port()
    env = {name: value for name, value in os.environ.items() if name != "STATICFILES_BACKEND"} | {
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "DEMO": "0",
        "HTTPS": "1",
        "BEHIND_PROXY": "1",
        "ALLOWED_HOSTS": HOST,
        "PUBLIC_BASE_URL": f"https://{HOST}",
        "STATIC_ROOT": str(folder / "static"),
        "BIND": f"127.0.0.1:{port}",
        "WEB_KEEPALIVE": "75",
    }
    # Only our own files: the admin's three hundred would take most of the time of this test.
    ignored = [word for name in ("admin", "rest_framework", "django_htmx", "allauth", "mfa") for word in ("-i", name)]
    command = [sys.executable, "manage.py", "collectstatic", "--no-input", *ignored]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    log = folder / "gunicorn.log"
    with log.open("wb") as output:
        gunicorn = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:victori.gunicorn_conf", "victori.wsgi"],
            cwd=ROOT,
            env=env,
            stdout=output,
            stderr=output,
        )
    nginx = None
    try:
        wait_for_port(port, gunicorn, log)
        nginx = Nginx(program, folder / "proxy", port, folder / "static")
        yield Site(nginx, gunicorn, folder / "static")
    finally:
        if nginx:
            nginx.stop()
        gunicorn.terminate()
        gunicorn.wait(20)


def test_plain_http_is_sent_to_https(site):
    connection = http.client.HTTPConnection("127.0.0.1", site.nginx.http, timeout=10)
    connection.request("GET", "/jadwal/?kecamatan=1", headers={"Host": HOST})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{HOST}/jadwal/?kecamatan=1")


def test_the_portal_knows_it_is_behind_https(site):
    # Without X-Forwarded-Proto Django would redirect for ever.
    answer = site.get("/healthz")
    assert answer.status == 200
    page = site.get("/petugas/masuk/")
    assert page.status == 200
    assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
    cookies = page.headers.get_all("Set-Cookie") or []
    assert cookies, "the sign-in page sets its CSRF cookie"
    assert all("Secure" in cookie for cookie in cookies)


def test_pages_are_compressed_and_keep_their_security_headers(site):
    page = site.get("/petugas/masuk/", **{"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page.headers["Vary"]
    assert b"<html" in gzip.decompress(page.read())
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_static_files_come_compressed_and_immutable_without_gunicorn(site):
    manifest = json.loads((site.static / "staticfiles.json").read_text())
    hashed = next(name for plain, name in manifest["paths"].items() if plain.endswith(".css"))
    answer = site.get(f"/static/{hashed}", **{"Accept-Encoding": "gzip"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/css"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert gzip.decompress(answer.read()) == (site.static / hashed).read_bytes()
    assert site.get("/static/../../etc/passwd").status in (400, 404)


def test_a_body_over_the_limit_is_refused_by_nginx(site):
    assert site.get("/petugas/masuk/", "POST", b"x" * (4 * 1024 * 1024 + 1)).status == 413


def test_metrics_are_not_public(site):
    answer = site.get("/metrics")
    assert answer.status == 404


def test_what_a_client_says_about_itself_is_overwritten(site, requires, tmp_path):
    class Echo(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.dumps(dict(self.headers.items())).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    nginx = Nginx(requires("nginx"), tmp_path / "echo", server.server_address[1], tmp_path)
    try:
        forged = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "http", "X-Request-ID": "forged"}
        seen = json.loads(nginx.get("/sertifikat/?kode=rahasia", **forged).read())
        assert seen["X-Forwarded-For"] == "127.0.0.1"
        assert seen["X-Forwarded-Proto"] == "https"
        assert seen["X-Request-ID"] != "forged"
        assert seen["Host"] == HOST
        assert "Connection" not in seen  # kept open: no new connection per request
        assert "rahasia" not in nginx.access_log.read_text()
    finally:
        nginx.stop()
        server.shutdown()


def test_when_gunicorn_is_away_people_get_a_calm_page(site):
    site.gunicorn.terminate()
    site.gunicorn.wait(20)
    answer = site.get("/jadwal/")
    assert answer.status == 502
    assert answer.headers["Retry-After"] == "15"
    assert "Layanan sedang dimulai ulang" in answer.read().decode()
