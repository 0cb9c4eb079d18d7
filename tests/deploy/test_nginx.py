"""The nginx configuration, run by a real nginx in front of a real gunicorn, with production settings."""

import gzip
import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.deploy.running import HOST, Nginx

# The mark makes pytest-django create the database that gunicorn then uses.
pytestmark = [pytest.mark.timeout(600), pytest.mark.django_db]


def test_plain_http_is_sent_to_https(site):
    connection = HTTPConnection("127.0.0.1", site.nginx.http, timeout=90)
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
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert gzip.decompress(answer.read()) == (site.static / hashed).read_bytes()
    brotli = site.get(f"/static/{hashed}", **{"Accept-Encoding": "gzip, deflate, br"})
    assert (brotli.headers["Content-Encoding"], brotli.headers["Vary"]) == ("br", "Accept-Encoding")
    assert brotli.headers["Content-Type"] == "text/css; charset=utf-8"
    assert brotli.read() == (site.static / f"{hashed}.br").read_bytes()
    plain = site.get(f"/static/{hashed}", **{"Accept-Encoding": "br;q=0"})
    assert plain.headers["Content-Encoding"] is None
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
    nginx = Nginx(requires("nginx"), tmp_path / "echo", server.server_address[1], tmp_path, tmp_path)
    try:
        forged = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "http", "X-Request-ID": "forged"}
        seen = json.loads(nginx.get("/sertifikat/?kode=rahasia", **forged).read())
        assert seen["X-Forwarded-For"] == "127.0.0.1"
        assert seen["X-Forwarded-Proto"] == "https"
        assert seen["X-Request-ID"] != "forged"
        assert seen["Host"] == HOST
        assert "Connection" not in seen  # kept open: no new connection per request
        assert "rahasia" not in nginx.logged("/sertifikat/")
    finally:
        nginx.stop()
        server.shutdown()
