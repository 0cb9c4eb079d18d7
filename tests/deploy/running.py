"""nginx with the project's own configuration, and gunicorn with production settings, as processes of a test."""

import datetime
import http.client
import os
import signal
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench import nginx
from bench.production import COLLECT_STATIC, GUNICORN, HOST, environment, unused_port, wait_for_port
from tests.patience import until
from victori import embedded
from victori.installation import ROOT

__all__ = ["HOST", "ROOT", "Gunicorn", "Nginx", "Site", "collect_static", "production", "unused_port"]
GIVES_UP_SECONDS = 5  # how long nginx waits for a public page before it shows what it has (portal.conf.template)


def production(folder: Path, port: int, **more: str) -> dict[str, str]:
    """The environment of an installation behind nginx on the servers that os.environ or `more` names."""
    ours = {"BIND": f"127.0.0.1:{port}", "WEB_WORKERS": "2", "PYTHONPATH": str(ROOT)}
    given = {name: value for name, value in os.environ.items() if name != "STATICFILES_BACKEND"}
    return given | environment(folder) | ours | more


def collect_static(env: dict[str, str]) -> None:
    """Collect the project's own static files."""
    done = subprocess.run(COLLECT_STATIC, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Gunicorn:
    """The web process; can be stopped, killed and started again on the same port."""

    def __init__(self, env: dict[str, str], log: Path, app: str = "victori.wsgi") -> None:
        self.env, self.log, self.app = env, log, app
        self.port = int(env["BIND"].rpartition(":")[2])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it listens."""
        self.process = embedded.spawn([*GUNICORN, self.app], log=self.log, env=self.env, cwd=ROOT)
        wait_for_port(self.port, self.process, self.log)

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def stop(self, sig: int = signal.SIGTERM) -> None:
        """End it with `sig`, whatever is in flight; its workers with it."""
        if self.process is not None:
            embedded.end(self.process, (sig, 15))
            self.process = None


def write_certificate(folder: Path) -> None:
    """A certificate of nobody, for one day."""
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
    """One running nginx with deploy/nginx/nginx.conf and portal.conf.template; only paths and ports are replaced.

    `values` replace variables of the template, e.g. `GATE_IN_FLIGHT="20"`.
    """

    def __init__(self, program: str, folder: Path, web_port: int, static: Path, copy: Path, **values: str) -> None:
        folder.mkdir()
        self.folder, self.http, self.https = folder, unused_port(), unused_port()
        write_certificate(folder / "tls")
        self.access_log, self.error_log = folder / "access.log", folder / "error.log"
        given = {"HTTP_LISTEN": f"127.0.0.1:{self.http}", "COPY_FOLDER": str(copy)} | values
        ports = {"port": self.https, "web_port": web_port, "gate_port": unused_port()}
        command = nginx.prepare(folder, **ports, files=static, tls=folder / "tls", **given)
        self.command = [program, *command[1:]]
        checked = subprocess.run([*self.command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        self.process = embedded.spawn(self.command, log=folder / "output")
        wait_for_port(self.https, self.process, self.error_log)

    def connect(self, timeout: float = 90) -> http.client.HTTPSConnection:
        """A new connection that believes the certificate."""
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", self.https, context=context, timeout=timeout)

    def once(
        self, path: str, method: str = "GET", body: bytes | None = None, timeout: float = 90, **headers: str
    ) -> http.client.HTTPResponse:
        """One request on a connection of its own."""
        connection = self.connect(timeout)
        connection.request(method, path, body=body, headers={"Host": HOST} | headers)
        return connection.getresponse()

    def get(self, path: str, method: str = "GET", body: bytes | None = None, **more: Any) -> http.client.HTTPResponse:
        """As `once`; a page that nginx gave up waiting for is asked for again, within a minute.

        On a machine that stands still the application has not hung.
        """
        deadline = time.monotonic() + 60
        while True:
            begun = time.monotonic()
            answer = self.once(path, method, body, **more)
            waited, away = time.monotonic() - begun, answer.status == 503 or answer.headers["X-Cache"] == "COPY"
            if method != "GET" or not away or waited < GIVES_UP_SECONDS or begun > deadline:
                return answer

    def logged(self, words: str) -> str:
        """The access log, once its buffer is written and these words are in it."""
        until(lambda: words in self.access_log.read_text(), f"{words} in the access log")
        return self.access_log.read_text()

    def reload(self) -> None:
        """What an operator does after a change: old processes finish, new ones take over."""
        subprocess.run([*self.command, "-s", "reload"], check=True, capture_output=True)

    def stop(self) -> None:
        """Fast shutdown."""
        embedded.end(self.process, (signal.SIGTERM, 10))


class Site:
    """nginx, gunicorn, collected static files, and the folder of the copy."""

    def __init__(self, program: str, folder: Path, env: dict[str, Any], **values: str) -> None:
        self.env, self.static, self.copy = env, Path(env["STATIC_ROOT"]), Path(env["PUBLIC_COPY_DIR"])
        self.gunicorn = Gunicorn(env, folder / "gunicorn.log")
        self.gunicorn.start()
        self.nginx = Nginx(program, folder / "proxy", self.gunicorn.port, self.static, self.copy, **values)
        self.get = self.nginx.get

    def direct(self, path: str, **headers: str) -> http.client.HTTPResponse:
        """The same request past nginx."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gunicorn.port, timeout=90)
        connection.request("GET", path, headers={"Host": HOST, "X-Forwarded-Proto": "https"} | headers)
        return connection.getresponse()

    def stop(self) -> None:
        """Stop both."""
        self.nginx.stop()
        self.gunicorn.stop()
